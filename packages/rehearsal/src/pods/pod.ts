import type { ChildProcess } from 'node:child_process'
import { createWriteStream, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import { finished, type Readable } from 'node:stream'
import type { Address } from './address.js'
import { firstProcessOf, nsenterWords, sigtermIgnoredBy, unshareWords } from './container.js'
import { type PipedProcess, spawnPiped } from './pipes.js'
import { guard, killGroup, release } from './reaper.js'

/** What a pod runs. */
export interface PodSpec {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** The variable that contains the pod's port. */
  readonly portEnv: string
  readonly terminationGracePeriodSeconds: number
  /** Whether the pod is PID 1 of its own PID namespace, as in a container. */
  readonly pidNamespace: boolean
  /** A directory for the output of the pods, one file each; null: only the last lines are kept. */
  readonly logs: string | null
}

/** How a pod's process ended. `error`: why it could not be started. */
export interface PodExit {
  readonly code: number | null
  readonly signal: string | null
  readonly error?: string
}

/**
 * The variables by which a kubelet tells a container where the API server is, and by which programs know that they run in a cluster.
 * A rehearsal has no API server, so nothing listens at this address.
 */
const apiServer = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '1' }

/** This process's environment without the variables of a cluster that the rehearsal itself may run in. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('KUBERNETES_')))
}

/** When PID 1 was killed by SIGKILL, unshare before 2.39 writes that it cannot end in the same way, and exits with 1. */
const sigkilled: PodExit = { code: null, signal: 'SIGKILL' }
const complaint = /^unshare: /

const keptLines = 50
const keptColumns = 500
/** Characters after which a line without a line break is broken. */
const longestLine = 65_536
const drainLimit = 500

/** A child process that plays the one container of a pod. */
export class Pod {
  readonly name: string
  readonly old: boolean
  readonly host: string
  readonly port: number
  /** Resolves when the process has exited. Never rejects. */
  readonly exited: Promise<PodExit>
  /** Resolves when the pod's output has been read to its end, soon after the exit. Never rejects. */
  readonly written: Promise<void>
  readonly #child: ChildProcess
  readonly #address: Address
  /** The words before its command that make it PID 1; empty: it is not PID 1. */
  readonly #unshare: readonly string[]
  readonly #cwd: string
  readonly #env: NodeJS.ProcessEnv
  readonly #gone = new AbortController()
  readonly #lines: string[] = []
  #log: WriteStream | undefined
  #killed = false

  /** Starts the process. */
  constructor(name: string, old: boolean, spec: PodSpec, address: Address) {
    this.name = name
    this.old = old
    this.host = address.host
    this.port = address.port
    this.#address = address
    this.#cwd = spec.cwd
    this.#env = {
      ...ownEnvironment(),
      ...apiServer,
      ...spec.env,
      ...address.env,
      [spec.portEnv]: String(address.port),
      HOST: address.host,
      POD_NAME: name,
      TERMINATION_GRACE_PERIOD_SECONDS: String(spec.terminationGracePeriodSeconds),
    }
    this.#unshare = spec.pidNamespace ? unshareWords(spec.command, this.#env.PATH, spec.cwd) : []
    const { child, output } = this.#spawn([spec.command, ...spec.args], this.#unshare)
    const { pid } = child
    this.#child = child
    if (spec.logs !== null) this.#log = openLog(spec.logs, name)
    for (const stream of output) this.#capture(stream)
    this.exited = new Promise((resolve) => {
      const end = (exit: PodExit) => {
        if (pid !== undefined) {
          killGroup(pid)
          release(pid)
        }
        this.#gone.abort()
        resolve(exit)
      }
      this.#child.once('exit', (code, signal) => end(this.#killed && code === 1 ? sigkilled : { code, signal }))
      this.#child.on('error', (error) => {
        // 'error' is also emitted when a signal could not be sent. Then 'exit' still follows.
        if (pid === undefined) end({ code: null, signal: null, error: whyNotStarted(error, spec.command) })
      })
    })
    this.written = this.exited.then(() => readToEnd(output)).then(() => closeLog(this.#log))
  }

  /** Aborted when the process has exited. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** The PID of the leader of the pod's process group; undefined when the process could not be started. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  /** The name of the program that runs as PID 1 without a handler for SIGTERM, so that the kernel does not deliver it. Read it after a SIGTERM. */
  get sigtermIgnoredBy(): string | undefined {
    const first = this.#firstProcess
    return first === undefined ? undefined : sigtermIgnoredBy(first)
  }

  /** The PID of the pod's PID 1 in this namespace; undefined without one. */
  get #firstProcess(): number | undefined {
    if (this.#unshare.length === 0 || this.pid === undefined || this.gone.aborted) return undefined
    return firstProcessOf(this.pid)
  }

  /** The last lines of the pod's output, stdout and stderr together. */
  get output(): readonly string[] {
    return this.#lines
  }

  /**
   * Runs a command in the container, as the kubelet does for an `exec` hook or probe: with the container's environment, network and
   * working directory. The command is killed when the pod exits, and after `timeout` ms.
   * @throws Error when it cannot be started, does not end with exit code 0, or takes too long; with its last output.
   */
  async exec(command: readonly string[], timeout?: number): Promise<void> {
    const first = this.#firstProcess
    if (first === undefined && this.#unshare.length > 0) throw new Error('the container is not running')
    const { child, output } = this.#spawn(command, first === undefined ? [] : nsenterWords(first))
    const { pid } = child
    let said = ''
    for (const stream of output) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-keptColumns)
      })
    }
    const end = new AbortController()
    const stop = AbortSignal.any([this.gone, end.signal])
    const timer = timeout === undefined ? undefined : setTimeout(() => end.abort(), timeout)
    const kill = () => {
      if (pid !== undefined) killGroup(pid)
    }
    stop.addEventListener('abort', kill, { once: true })
    let exit: PodExit
    try {
      exit = await new Promise<PodExit>((resolve, reject) => {
        child.once('error', reject)
        child.once('exit', (code, signal) => resolve({ code, signal }))
      })
    } finally {
      clearTimeout(timer)
      // From here on its PID may be another process's.
      stop.removeEventListener('abort', kill)
      kill()
      if (pid !== undefined) release(pid)
    }
    if (exit.code === 0) return
    const how = end.signal.aborted ? `not done within ${timeout} ms` : (exit.signal ?? `exit code ${exit.code}`)
    await readToEnd(output)
    throw new Error(`${how}${said.trim() === '' ? '' : `: ${said.trim()}`}`)
  }

  /** Starts a command at the pod's address, after the words in `before`. `{port}` and `{host}` in its words are replaced by the pod's. */
  #spawn(words: readonly string[], before: readonly string[]): PipedProcess {
    const own = words.map((word) => word.replaceAll('{port}', String(this.port)).replaceAll('{host}', this.host))
    const [command = '', ...args] = [...this.#address.command, ...before, ...own]
    const piped = spawnPiped(command, args, {
      cwd: this.#cwd,
      env: this.#env,
      // The process group stands for the container. Signals go to its leader alone, as to PID 1, and when the leader has exited
      // the rest of the group is killed.
      detached: process.platform !== 'win32',
    })
    if (piped.child.pid !== undefined) guard(piped.child.pid)
    return piped
  }

  /** Sends a signal to the pod's first process, as the container runtime does. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.gone.aborted) return
    const first = this.#firstProcess
    if (signal === 'SIGKILL') this.#killed = true
    if (first !== undefined) send(first, signal)
    else this.#child.kill(signal)
  }

  #capture(stream: Readable): void {
    let rest = ''
    stream.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#keep(line)
      if (rest.length <= longestLine) return
      this.#keep(rest)
      rest = ''
    })
    stream.on('close', () => {
      if (rest !== '') this.#keep(rest)
    })
    stream.on('error', () => {})
  }

  #keep(line: string): void {
    if (this.#killed && complaint.test(line)) return
    this.#log?.write(`${line}\n`)
    this.#lines.push(line.slice(0, keptColumns))
    if (this.#lines.length > keptLines) this.#lines.shift()
  }
}

/** Resolves when the output of an ended process has been read. A process that has left the group may hold the pipes open, so the wait has a limit. */
async function readToEnd(output: readonly Readable[]): Promise<void> {
  const limit = setTimeout(() => {
    for (const stream of output) stream.destroy()
  }, drainLimit)
  await Promise.all(output.map((stream) => new Promise((resolve) => finished(stream, resolve))))
  clearTimeout(limit)
}

/** An error message about the given command, instead of one about `spawn`. */
function whyNotStarted({ code, message }: NodeJS.ErrnoException, command: string): string {
  if (code === 'ENOENT') return `there is no program \`${command}\``
  return code === 'EACCES' ? `this user may not execute \`${command}\`` : message
}

/** Sends a signal, unless the process has ended. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {}
}

/** Appends, because a restarted container writes to the same file. A log that cannot be written does not end the rehearsal. */
function openLog(directory: string, name: string): WriteStream {
  const log = createWriteStream(join(directory, `${name}.log`), { flags: 'a' })
  log.on('error', () => {})
  return log
}

function closeLog(log: WriteStream | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (log === undefined) resolve()
    else log.end(resolve)
  })
}
