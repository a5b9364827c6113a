import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { accepts } from '../pods/protocol.js'
import { guard, killGroup, release } from '../pods/reaper.js'
import { type Front, type FrontPlan, type Place, startTimeout } from './front.js'

/** A proxy program of this machine. The rehearsal runs it with a generated configuration. */
export interface Program {
  /** Where to get it: a package, or an address. */
  readonly from: string
  /** Returns the arguments and files that the program is started with. `directory` belongs to the program and is removed when it ends. */
  configure(plan: FrontPlan, directory: string): Configuration
}

export interface Configuration {
  readonly args: readonly string[]
  /** The contents of the files in the directory, by name. */
  readonly files: Readonly<Record<string, string>>
}

/** Debian installs servers in these directories, which are not in a user's PATH. */
const moreDirectories = ['/usr/local/sbin', '/usr/sbin', '/sbin']
const pollEvery = 20
const keptLines = 20

/**
 * Starts a program. `fail` is called if it ends by itself later.
 * @throws Error when it is not installed, ends by itself, or accepts no connection within {@link startTimeout} ms.
 */
export async function startProgram(
  name: string,
  program: Program,
  plan: FrontPlan,
  fail: (error: Error) => void,
): Promise<Front> {
  await sweep()
  const directory = await mkdtemp(join(tmpdir(), `podrain-${name}-${process.pid.toString(36)}-`))
  const { args, files } = program.configure(plan, directory)
  await Promise.all(Object.entries(files).map(([file, text]) => writeFile(join(directory, file), text)))
  const running = new Running(name, program, args, directory)
  try {
    await running.accepts(plan.listen)
  } catch (error) {
    await running.close()
    throw error
  }
  void running.ended.then((error) => {
    if (!running.closing) fail(error)
  })
  return running
}

class Running implements Front {
  readonly #child: ChildProcess
  readonly #directory: string
  readonly #lines: string[] = []
  /** Resolves when the program has ended, with an error that says how. */
  readonly ended: Promise<Error>
  readonly eventLoopDelayMs = 0
  closing = false

  constructor(name: string, { from }: Program, args: readonly string[], directory: string) {
    this.#directory = directory
    this.#child = spawn(name, args, {
      cwd: directory,
      env: {
        PATH: [process.env.PATH, ...moreDirectories].join(':'),
        HOME: directory,
        XDG_CONFIG_HOME: directory,
        XDG_DATA_HOME: directory,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
    })
    const { pid, stdout, stderr } = this.#child
    if (pid !== undefined) guard(pid)
    for (const stream of [stdout, stderr]) if (stream !== null) this.#keep(stream)
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error: NodeJS.ErrnoException) => {
        const what =
          error.code === 'ENOENT' ? `${name} is not installed (${from})` : `${name} did not start: ${error.message}`
        if (pid === undefined)
          resolve(new Error(`\`through\`: ${what}. Install it, or use \`proxy\`, which is built in`))
      })
      // 'close' comes after its last output, 'exit' may come before.
      this.#child.once('close', (code, signal) => {
        if (pid === undefined) return
        killGroup(pid)
        release(pid)
        const output = this.#lines.length === 0 ? ' It wrote nothing.' : ` Its last output:\n${this.#lines.join('\n')}`
        resolve(new Error(`\`through\`: ${name} ended by itself with ${signal ?? `code ${code}`}.${output}`))
      })
    })
  }

  /** Resolves when the program accepts connections at `place`. */
  async accepts(place: Place): Promise<void> {
    let over: Error | undefined
    void this.ended.then((error) => {
      over = error
    })
    for (const begun = performance.now(); ; await sleep(pollEvery)) {
      const accepted = await accepts(place)
      if (over !== undefined) throw over
      if (accepted) return
      if (performance.now() - begun > startTimeout) {
        throw new Error(`\`through\`: it accepted no connection within ${startTimeout} ms`)
      }
    }
  }

  async close(): Promise<void> {
    this.closing = true
    const { pid, exitCode, signalCode } = this.#child
    // A program that has ended by itself is not killed: its PID may be another process's by now.
    if (pid !== undefined && exitCode === null && signalCode === null) killGroup(pid)
    await this.ended
    await rm(this.#directory, { recursive: true, force: true }).catch(() => {})
  }

  #keep(stream: Readable): void {
    stream.setEncoding('utf8').on('data', (text: string) => {
      this.#lines.push(...text.split('\n').filter((line) => line !== ''))
      this.#lines.splice(0, this.#lines.length - keptLines)
    })
  }
}

/** Removes the directories that killed rehearsals have left. */
async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const [, pid = ''] = /^podrain-(?:nginx|haproxy|envoy|traefik|caddy)-([0-9a-z]+)-\w{6}$/.exec(name) ?? []
    if (pid !== '' && !isAlive(Number.parseInt(pid, 36)))
      await rm(join(tmpdir(), name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
