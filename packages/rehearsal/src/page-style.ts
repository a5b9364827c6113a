/** The page's whole style. Colours are variables, since the drawings use them too. */
export const pageStyle: string = `
:root {
  color-scheme: light dark;
  --back: #f6f7f9; --card: #ffffff; --text: #1b2430; --muted: #5b6675; --faint: #c9d0d9; --line: #e3e7ec;
  --good: #0a7d4b; --bad: #c4161c; --link: #1a5fb4;
  --starting: #c3cad3; --ready: #5bb98c; --hook: #f2c14e; --sigterm: #e88a3c; --lost: #d0021b;
  --kind-1: #3d7dca; --kind-2: #7cc4e8; --kind-3: #8d6cc9; --kind-4: #d58bc0; --kind-5: #b0a58f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #12161c; --card: #1a2029; --text: #e6eaf0; --muted: #9aa6b5; --faint: #475264; --line: #2b3440;
    --good: #4fd39a; --bad: #ff7b7b; --link: #82b6ff;
    --starting: #4a5566; --ready: #2f8f66; --hook: #b98b1d; --sigterm: #b4601f; --lost: #ff5c5c;
    --kind-1: #4a86d0; --kind-2: #2f7ea6; --kind-3: #8464bd; --kind-4: #a85f93; --kind-5: #7d745f;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 32px 20px 48px; }
h1 { font-size: 26px; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 19px; margin: 0 0 14px; }
h2 span { font-size: 13px; font-weight: 500; color: var(--muted); border: 1px solid var(--line); border-radius: 999px; padding: 2px 10px; margin-left: 6px; }
h3 { font-size: 15px; margin: 22px 0 8px; }
a { color: var(--link); }
.lead { font-size: 17px; color: var(--muted); margin: 6px 0 24px; }
.lead strong { color: var(--bad); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 22px 24px; margin: 0 0 20px; }
.facts { display: flex; flex-wrap: wrap; gap: 12px 36px; margin: 0 0 18px; }
.facts dt { font-size: 12.5px; color: var(--muted); }
.facts dd { margin: 0; font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums; }
.good { color: var(--good); } .bad { color: var(--bad); }
.scroll { overflow-x: auto; }
.chart svg { background: none; --plot-background: transparent; display: block; width: 100%; min-width: 720px; height: auto; font-family: inherit; font-size: 11px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; list-style: none; margin: 2px 0 20px; padding: 0 0 0 84px; font-size: 12.5px; color: var(--muted); }
.swatch { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; vertical-align: -1px; }
.scroll table { min-width: 640px; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th { text-align: left; font-weight: 500; color: var(--muted); }
th, td { padding: 6px 16px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font: 12.5px ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
details { margin-top: 14px; } summary { cursor: pointer; color: var(--muted); }
.limits { margin: 0; padding-left: 20px; color: var(--muted); }
@media (max-width: 700px) { section { padding: 16px; } .legend { padding-left: 0; } }
`
