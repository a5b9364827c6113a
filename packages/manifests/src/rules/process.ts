import { commandsOf, programOf, scriptOf, shells, withoutInit } from '../objects/shell.js'
import { eachContainer, type Rule } from './rule.js'

const managers = new Set(['npm', 'npx', 'pnpm', 'pnpx', 'yarn', 'yarnpkg', 'corepack', 'bunx'])

const packageManager: Rule = {
  id: 'package-manager',
  severity: 'error',
  title: 'A package manager as the first process',
  why: 'SIGTERM goes to the first process of a container. npm, pnpm and yarn start node behind a shell that does not pass the signal on, or exit before node has: node never drains, or is killed in the middle of it.',
  check: eachContainer(({ command, place, name, pod }, report) => {
    if (command === undefined) return
    const words = withoutInit(command)
    const script = scriptOf(command)
    const last = script === undefined ? words.join(' ') : (commandsOf(script).at(-1) ?? '')
    const [first = '', ...rest] = last.replace(/^exec\s+/, '').split(/\s+/)
    const manager = programOf(first)
    if (!managers.has(manager)) return
    // `npm ci` in an init step is no server.
    if (/^(ci|install|i|audit|run-script-only)$/.test(rest[0] ?? '')) return
    report(
      place.get('command'),
      `Container \`${name}\` starts \`${last.trim()}\`: ${manager} gets SIGTERM, and node behind it does not, or not in time`,
      {
        // A job has nothing to drain, but it is cut off.
        severity: pod.isJob ? 'info' : 'error',
        fix: 'Start node itself: command: ["node", "server.js"]',
      },
    )
  }),
}

const shellFirst: Rule = {
  id: 'shell-first',
  severity: 'warning',
  title: 'A shell as the first process',
  why: 'SIGTERM goes to the first process of a container. A shell there ignores the signal while it waits for its child, so the app is killed when the grace period is over, without a drain. `exec` puts the app in the place of the shell. (Some shells do so by themselves if there is a single command; the manifest does not say which shell the image has.)',
  check: eachContainer(({ command, place, name, hook, pod }, report) => {
    if (command === undefined || pod.isJob) return
    const words = withoutInit(command)
    const script = scriptOf(command)
    const at = place.get('command')
    if (script !== undefined) {
      const commands = commandsOf(script)
      const last = commands.at(-1) ?? ''
      if (
        last === '' ||
        /^exec\s/.test(last) ||
        /\btrap\b/.test(script) ||
        managers.has(programOf(last.split(/\s+/)[0] ?? ''))
      )
        return
      // A loop that is the program itself, `sleep infinity`, and the like: nothing to drain.
      if (/^(done|fi|esac|wait|sleep\b.*|tail\b.*|\}|true|:)$/.test(last)) return
      report(
        at,
        `Container \`${name}\` starts a shell, which does not pass SIGTERM on to \`${short(last)}\`${hook === undefined ? '' : ': the hook runs, and the signal after it is lost'}`,
        {
          severity: commands.length === 1 && !/[|]/.test(script) ? 'info' : 'warning',
          fix: `exec ${short(last)}`,
        },
      )
    } else if (shells.has(programOf(words[0] ?? '')) && words.length > 1) {
      report(
        at,
        `Container \`${name}\` starts a script with a shell, which passes SIGTERM on only if the script ends with \`exec\``,
        {
          severity: 'info',
          fix: 'In the script: exec node server.js',
        },
      )
    }
  }),
}

function short(text: string): string {
  return text.length > 50 ? `${text.slice(0, 49)}…` : text
}

export const processRules: readonly Rule[] = [packageManager, shellFirst]
