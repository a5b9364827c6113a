import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import os from 'node:os'
import { Wire } from '../wire.js'
import { Output } from './output.js'
import { NoServer, type Server } from './server.js'

/** The running servers, so that all can be killed. */
const running = new Set<ServerProcess>()

const mark = `PODRAIN_CONTRACT=${process.pid}-`
let started = 0

/** A server in its own process group, with the variables of a pod. */
export class ServerProcess {
  readonly port: number
  /** Resolves with the exit code as in a shell: after a signal 128 plus its number. */
  readonly ended: Promise<number>
  readonly #child: ChildProcess
  /** In the environment of all that it starts. */
  readonly #mark = `${mark}${++started};`
  readonly #output = new Output()
  #failure = ''
  #exitCode: number | undefined

  private constructor(server: Server, port: number) {
    this.port = port
    const [program = '', ...args] = server.command.map((word) => word.replaceAll('{port}', String(port)))
    this.#child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', this.#output.fd, this.#output.fd],
      env: {
        ...process.env,
        PODRAIN_CONTRACT: this.#mark.slice('PODRAIN_CONTRACT='.length),
        PORT: String(port),
        HOST: '127.0.0.1',
        TERMINATION_GRACE_PERIOD_SECONDS: String(server.terms.grace / 1000),
        // The variables of a pod. No API server listens on this address.
        KUBERNETES_SERVICE_HOST: '127.0.0.1',
        KUBERNETES_SERVICE_PORT: '1',
      },
    })
    running.add(this)
    this.ended = new Promise((resolve) => {
      this.#child.once('error', ({ message }) => {
        this.#failure = message
        resolve(127)
      })
      this.#child.once('exit', (code, signal) => resolve(code ?? 128 + os.constants.signals[signal as NodeJS.Signals]))
    })
    void this.ended.then((code) => {
      this.#exitCode = code
    })
  }

  /**
   * Starts a server, and resolves when it listens.
   * @throws {NoServer} if it exits, or does not listen within `startup`
   */
  static async start(server: Server): Promise<ServerProcess> {
    const port = server.port ?? (await freePort())
    if (await listensStill(port)) throw new NoServer(`Something else listens on port ${port}: end it first`)
    const started = new ServerProcess(server, port)
    const end = performance.now() + server.startup
    while (!(await listens(port))) {
      const why =
        started.#exitCode !== undefined
          ? `It ended with exit code ${started.#exitCode} before it listened on port ${port} of 127.0.0.1`
          : performance.now() > end
            ? `It did not listen on port ${port} of 127.0.0.1 within ${server.startup / 1000} s`
            : undefined
      if (why === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        continue
      }
      started.kill()
      await started.ended
      throw new NoServer(
        `${why}. It has to listen on the port in PORT, in place of {port}, or on that of --port, and to stay in the foreground.${started.lastWords}`,
      )
    }
    return started
  }

  /**
   * Resolves with the exit code.
   * @throws {Error} if the server goes on without its first process
   */
  async ends(): Promise<number> {
    const code = await this.ended
    if (!(await listensStill(this.port))) return code
    throw new Error(
      `its first process ended with exit code ${code}, and another goes on to listen: the signal has to reach the server, as with \`exec\``,
    )
  }

  /** The end of the output. */
  get lastWords(): string {
    const words = (this.#output.end + this.#failure).trimEnd()
    return words === '' ? '' : ` It said:\n${words}`
  }

  get exitCode(): number | undefined {
    return this.#exitCode
  }

  /** Sends a signal to the first process only, as a kubelet does. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Kills the whole process group. */
  kill(): void {
    running.delete(this)
    killEach([...(this.#child.pid === undefined ? [] : [-this.#child.pid]), ...strayed(this.#mark, this.#output)])
    this.#output.close()
  }
}

function killEach(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // the process group is gone
    }
  }
}

/**
 * Processes of a server that have left its group, as daemons do: they still have the mark in their environment, or its output.
 * Only Linux shows them.
 */
function strayed(mark: string, output?: Output): number[] {
  const isOfServer = (pid: string): boolean => {
    try {
      const variables = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
      return variables.some((entry) => entry.startsWith(mark)) || output?.isThatOf(Number(pid)) === true
    } catch {
      return false // it has ended, or is not ours
    }
  }
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && isOfServer(name))
      .map(Number)
  } catch {
    return []
  }
}

async function listens(port: number): Promise<boolean> {
  try {
    const wire = await Wire.open({ host: '127.0.0.1', port })
    wire.abort()
    return true
  } catch {
    return false
  }
}

/** Whether a process listens on the port, after a second for those that are just ending. */
async function listensStill(port: number): Promise<boolean> {
  const end = performance.now() + 1000
  while (await listens(port)) {
    if (performance.now() > end) return true
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return false
}

/** Kills every running server. */
export function killAll(): void {
  for (const server of running) server.kill()
  // A daemon may have come to be while its server was killed.
  killEach(strayed(mark))
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
