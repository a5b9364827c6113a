import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const fixture = (name: string) => join(__dirname, 'fixtures', name)

export const bin = join(__dirname, '..', 'bin', 'podrain.js')

/** The fixture as a command, after the `--`. */
export const app = ['--', process.execPath, fixture('app.mjs')]

/** A rehearsal as short as it can be; endpoints are late for long enough that an app which ends at once is missed. */
export const short = [
  ...[
    '--replicas',
    '1',
    '--warm-up',
    '200ms',
    '--cool-down',
    '100ms',
    '--ready-period',
    '100ms',
    '--ready-timeout',
    '5s',
  ],
  ...['--endpoint-lag', '2500ms,2600ms,2700ms', '--clients', 'keep-alive=2,new-connection=3,slow-keep-alive=0'],
]

/** What a run of `podrain` left behind. */
export interface Run {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A `podrain` that is running. */
export interface Running {
  readonly child: ChildProcessWithoutNullStreams
  /** Resolves when the text has appeared on stderr, so often. */
  said(text: string, times?: number): Promise<void>
  readonly done: Promise<Run>
}

/** Starts the built `podrain` as a person would. */
export function start(args: readonly string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [bin, ...args], { env: { ...process.env, ...env } })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  const done = once(child, 'close').then(([code, signal]) => ({ code, signal, ...output }))
  return {
    child,
    done,
    async said(text, times = 1) {
      while (output.stderr.split(text).length <= times)
        await Promise.race([once(child.stderr, 'data'), failed(done, text)])
    },
  }
}

/** Runs the built `podrain` to its end. */
export function podrain(args: readonly string[], env: Record<string, string> = {}): Promise<Run> {
  return start(args, env).done
}

/** A directory of the test's own. */
export function directory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'podrain-'))
}

async function failed(done: Promise<Run>, text: string): Promise<never> {
  throw new Error(`podrain ended without saying "${text}": ${JSON.stringify(await done)}`)
}
