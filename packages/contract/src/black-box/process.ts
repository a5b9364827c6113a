import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import os from 'node:os'
import { Wire } from '../wire.js'
import { NoServer, type Server } from './server.js'

/** The running servers, so that all can be killed. */
const running = new Set<ServerProcess>()

/** A server in its own process group, with the variables of a pod. */
export class ServerProcess {
  readonly port: number
  /** Resolves with the exit code as in a shell: after a signal 128 plus its number. */
  readonly ended: Promise<number>
  readonly #child: ChildProcess
  #output = ''
  #exitCode: number | undefined

  private constructor(server: Server, port: number) {
    this.port = port
    const [program = '', ...args] = server.command.map((word) => word.replaceAll('{port}', String(port)))
    this.#child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        PORT: String(port),
        HOST: '127.0.0.1',
        TERMINATION_GRACE_PERIOD_SECONDS: String(server.terms.grace / 1000),
        // The variables of a pod. No API server listens on this address.
        KUBERNETES_SERVICE_HOST: '127.0.0.1',
        KUBERNETES_SERVICE_PORT: '1',
      },
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-2000)
      })
    }
    running.add(this)
    this.ended = new Promise((resolve) => {
      this.#child.once('error', ({ message }) => {
        this.#output += message
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
    const started = new ServerProcess(server, server.port ?? (await freePort()))
    const end = performance.now() + server.startup
    while (!(await started.#listens())) {
      const why =
        started.#exitCode !== undefined
          ? `It ended with exit code ${started.#exitCode} before it listened on port ${started.port}`
          : performance.now() > end
            ? `It did not listen on port ${started.port} within ${server.startup / 1000} s`
            : undefined
      if (why === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        continue
      }
      started.kill()
      await started.ended
      throw new NoServer(`${why}. It has to listen on the port in PORT, or in place of {port}.${started.#lastWords()}`)
    }
    return started
  }

  async #listens(): Promise<boolean> {
    try {
      const wire = await Wire.open({ host: '127.0.0.1', port: this.port })
      wire.abort()
      return true
    } catch {
      return false
    }
  }

  /** The end of the output. */
  #lastWords(): string {
    const words = this.#output.trimEnd()
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
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL')
    } catch {
      // the process group is gone
    }
  }
}

/** Kills every running server. */
export function killAll(): void {
  for (const server of running) server.kill()
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
