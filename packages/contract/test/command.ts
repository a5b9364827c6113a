import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'

export const program = path.join(__dirname, '../bin/podrain-contract.js')
export const fixture = path.join(__dirname, 'fixtures/server.mjs')

/** For servers that end within a second. The grace period is so long that a slow machine does not reach it. */
export const quickly = ['--grace', '30s', '--settle', '300ms']

/** For servers that end only by SIGKILL, which they get at the end of the grace period. */
export const killed = ['--grace', '3s']

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly errors: string
}

/** Starts the command line. */
export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const ran = once(child, 'close').then(([code]): Ran => ({ code, out, errors }))
  return { child, ran }
}

/** Tests the fixture, with one of its shutdowns, for the sentences that contain a text. */
export async function holdTo(sentence: string, way: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  const all = [...quickly, ...args, '--sentence', sentence, '--json', '-', '--', 'node', fixture, way]
  const { code, out, errors } = await start(all, env).ran
  return { code, errors, ...JSON.parse(out || '{}') }
}
