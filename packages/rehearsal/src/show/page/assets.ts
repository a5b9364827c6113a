import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The page's script and style, and the content security policy that allows nothing else. */
export interface Assets {
  readonly script: string
  readonly style: string
  readonly policy: string
}

let assets: Assets | undefined

/** Reads the files that `browser/bundle.mjs` creates at build time. They are read once. */
export function loadAssets(): Assets {
  assets ??= readAssets()
  return assets
}

function readAssets(): Assets {
  // The package is three directories up, both from src and from dist.
  const read = (name: string) => readFileSync(join(__dirname, '..', '..', '..', 'dist', 'page', name), 'utf8').trim()
  const script = read('browser.js')
  const style = read('style.css')
  const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
  return {
    script,
    style,
    policy: `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'`,
  }
}
