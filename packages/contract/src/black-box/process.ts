import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import os from 'node:os'
import { Wire } from '../wire.js'
import { NoServer, type Server } from './server.js'

/** Those that are there, so that none is left behind. */
const running = new Set<ServerProcess>()

/** A server in a process group of its own. It is told of its surroundings what a pod is told. */
export class ServerProcess {
  readonly port: number
  /** Resolves with the exit code, as a shell gives it: 128 and the number of a signal. */
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
        // As in a pod. Nobody listens there.
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
   * Starts it, and waits until it listens.
   * @throws {NoServer} if it does not
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

  /** What it wrote last. */
  #lastWords(): string {
    const words = this.#output.trimEnd()
    return words === '' ? '' : ` It said:\n${words}`
  }

  get exitCode(): number | undefined {
    return this.#exitCode
  }

  /** Tells its first process alone, as a kubelet does. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Ends all that it has started. */
  kill(): void {
    running.delete(this)
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL')
    } catch {
      // none of them is left
    }
  }
}

/** Ends every server that is still there. */
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
