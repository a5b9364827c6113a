import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import type { FastifyInstance } from 'fastify'
import { generate } from 'selfsigned'
import { type Answer, Clients } from './clients.js'
import { gate, type Held, routesOf } from './routes.js'
import type { FastifyParts, Mount, Running, Subject, Terms } from './subject.js'
import type { Address } from './wire.js'

/** Short, so that a behaviour takes less than a second; a grace period that even a busy machine reaches only if it is held. */
export const quick: Terms = { grace: 10_000, settle: 200, keepAlive: 200 }

/** One server under test with one drain, and clients of it. Everything on it ends with the behaviour. */
export class Stage extends Clients {
  readonly subject: Subject
  readonly terms: Terms
  readonly running: Running
  readonly #held: Held
  readonly #sockets = new Set<Socket>()
  #end: Promise<number> | undefined

  private constructor(subject: Subject, terms: Terms, running: Running, held: Held, version: 1 | 2) {
    super({ host: '127.0.0.1', port: 0 }, subject.has.includes('tls'), version)
    this.subject = subject
    this.terms = terms
    this.running = running
    this.#held = held
    running.server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  /**
   * Sets the server up, listening unless told otherwise.
   * @param http2 whether ordinary clients speak HTTP/2, if the server does
   */
  static async set(subject: Subject, { terms = {}, ...more }: StageOptions = {}, http2 = true): Promise<Stage> {
    const held: Held = { arrived: gate(), release: gate(), seen: new Map(), notes: [], signal: undefined }
    const all = { ...quick, ...terms }
    const running = await subject.start({
      routes: routesOf(held),
      terms: all,
      tls: await certificate(),
      webSocket: more.webSocket ?? false,
      mount: more.mount,
      fastify: more.fastify?.(held),
    })
    held.signal = running.signal
    const stage = new Stage(subject, all, running, held, http2 && subject.has.includes('http2') ? 2 : 1)
    if (more.listening === false) return stage
    stage.address = await listen(running, more.unix ? { path: unixPath() } : { host: '127.0.0.1', port: 0 })
    // No pod gets requests before it was probed.
    if (more.probed !== false && subject.has.includes('endpoints')) {
      assert.equal((await stage.ask('/readyz')).status, 200, 'the first readiness probe')
    }
    return stage
  }

  /** A handler that waits has been reached. */
  get arrived(): Promise<void> {
    return this.#held.arrived.opened
  }

  release(): void {
    this.#held.release.open()
  }

  /** The path has been asked for, so many times. */
  sent(path: string, times = 1): Promise<void> {
    return eventually(
      () => this.seen(path) >= times,
      () => `${path} was asked for ${this.seen(path)} times, not ${times}`,
    )
  }

  /** What the application noted. */
  get notes(): readonly string[] {
    return this.#held.notes
  }

  /** How often the path was handled. */
  seen(path: string): number {
    return this.#held.seen.get(path) ?? 0
  }

  /** The Fastify application. */
  get fastify(): FastifyInstance {
    const { fastify } = this.running
    assert(fastify, 'this is no Fastify')
    return fastify
  }

  /**
   * A request that its handler holds back.
   * @returns the way to let it be answered
   */
  async hold(headers: Record<string, string> = {}): Promise<() => Promise<Answer>> {
    const answer = this.ask('/held', { headers })
    answer.catch(() => {})
    await this.arrived
    return () => {
      this.release()
      return answer
    }
  }

  get inFlight(): number {
    const count = this.running.inFlight
    assert(count, 'this drain does not count')
    return count()
  }

  /** Requests whose clients have everything, or nothing any more, end on the server too. */
  async noneInFlight(): Promise<void> {
    await eventually(
      () => this.inFlight === 0,
      () => `${this.inFlight} still in flight`,
    )
  }

  /**
   * The server is told to end, once. Resolves with its exit code when it has: then, as at an exit, whatever it still has
   * open is gone.
   */
  terminate(): Promise<number> {
    this.#end ??= this.running.terminate().then((code) => {
      this.exit()
      return code
    })
    return this.#end
  }

  /** It ends by itself, with nothing forced, well before its grace period is over. */
  async endsClean(): Promise<void> {
    const begun = performance.now()
    assert.equal(await this.terminate(), 0, 'the exit code')
    const took = performance.now() - begun
    assert(took < this.terms.grace * 0.7, `it took ${took.toFixed(0)} ms of ${this.terms.grace}`)
  }

  /** What the server has written on the connections that are open, whether it has left yet or not. */
  get bytesWritten(): number {
    return [...this.#sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, 0)
  }

  /** What the server has read on the connections that are open. */
  get bytesRead(): number {
    return [...this.#sockets].reduce((sum, { bytesRead }) => sum + bytesRead, 0)
  }

  /** The server listens somewhere else by now. */
  moved(): void {
    this.address = addressOf(this.running.server)
  }

  /** All connections end as at an exit of the process. */
  exit(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Everything ends. */
  async strike(): Promise<void> {
    this.release()
    this.hangUp()
    this.exit()
    await this.running.dispose?.()
    if (this.running.server.listening) this.running.server.close()
    this.exit()
  }
}

export interface StageOptions {
  /** Listens on a unix socket. */
  readonly unix?: boolean
  readonly listening?: boolean
  /** Whether the kubelet has been there before, as in a pod. @default true */
  readonly probed?: boolean
  readonly webSocket?: boolean
  readonly mount?: Mount
  /** Of an application of its own for every run. */
  readonly fastify?: (held: Held) => FastifyParts
  readonly terms?: Partial<Terms>
}

/** Listens, and says where. */
export async function listen(
  { server, listen: own }: Running,
  where: { host: string; port: number } | { path: string },
): Promise<Address> {
  if (own) {
    await own(where)
  } else {
    server.listen(where)
    await once(server, 'listening')
  }
  return addressOf(server)
}

function addressOf(server: Server): Address {
  const address = server.address()
  return typeof address === 'string' ? { path: address } : { host: '127.0.0.1', port: (address as AddressInfo).port }
}

let sockets = 0

function unixPath(): string {
  return path.join(os.tmpdir(), `podrain-contract-${process.pid}-${sockets++}.sock`)
}

/** Waits until it is so. */
export async function eventually(isSo: () => boolean | Promise<boolean>, otherwise: () => string): Promise<void> {
  const end = performance.now() + 10_000
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(otherwise())
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

let made: Promise<{ key: string; cert: string }> | undefined

/** One self-signed certificate for 127.0.0.1, for the whole run. */
function certificate(): Promise<{ key: string; cert: string }> {
  made ??= generate([{ name: 'commonName', value: '127.0.0.1' }], { keyType: 'ec' } as never).then(
    ({ private: key, cert }) => ({ key, cert }),
  )
  return made
}
