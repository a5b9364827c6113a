import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import type { Answer } from '../clients.js'
import { eventually, Stage, type Terms } from '../stage.js'
import type { Address, Received } from '../wire.js'
import { big, gate, type Held, routesOf, texts } from './routes.js'
import type { Running, Subject } from './subject.js'

/** Short times, so that a test takes less than a second. The grace period is so long that only a hang reaches it, also on a busy machine. */
export const quick: Terms = { grace: 60_000, settle: 200, keepAlive: 200 }

/** A server in this process, which serves the application of the contract. */
export class WhiteStage<Has extends Running = Running> extends Stage {
  readonly subject: Subject<Has>
  readonly terms: Terms
  readonly running: Has
  readonly #held: Held
  readonly #sockets = new Set<Socket>()

  private constructor(subject: Subject<Has>, terms: Terms, running: Has, held: Held, version: 1 | 2) {
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
   * Sets up a server in this process. The server listens, unless the options say otherwise.
   * @param http2 Whether ordinary clients speak HTTP/2, if the server does.
   */
  static async set<Has extends Running>(
    subject: Subject<Has>,
    { terms = {}, ...more }: StageOptions = {},
    http2 = true,
  ): Promise<WhiteStage<Has>> {
    const held: Held = { arrived: gate(), release: gate(), seen: new Map(), notes: [], signal: undefined }
    const all = { ...quick, ...terms }
    const running = await subject.start({
      routes: routesOf(held),
      terms: all,
      webSocket: more.webSocket ?? false,
      setting: more.setting?.(held) ?? {},
    })
    held.signal = running.signal
    const stage = new WhiteStage(subject, all, running, held, http2 && subject.has.includes('http2') ? 2 : 1)
    if (more.listening === false) return stage
    stage.address = await listen(running, more.unix ? { path: unixPath() } : { host: '127.0.0.1', port: 0 })
    // A pod gets no requests before its first readiness probe.
    if (more.probed !== false && subject.has.includes('ready')) {
      assert.equal((await stage.ask('/readyz')).status, 200, 'the first readiness probe')
    }
    return stage
  }

  get arrived(): Promise<void> {
    return this.#held.arrived.opened
  }

  get received(): Promise<void> {
    return Promise.resolve()
  }

  get heard(): Promise<void> {
    return Promise.resolve()
  }

  release(): void {
    this.#held.release.open()
  }

  sent(path: string, times = 1): Promise<void> {
    return eventually(
      () => this.seen(path) >= times,
      () => `${path} was asked for ${this.seen(path)} times, not ${times}`,
    )
  }

  expect(path: string, { status, body }: Received | Answer): void {
    assert.equal(status, 200, path)
    if (path === '/big' || path === '/piped') assert.equal(body.length, big)
    else assert.equal(body, texts[path] ?? path)
  }

  override handled(path: string, times: number): void {
    assert.equal(this.seen(path), times, 'handled')
  }

  /** The notes that the application has written. */
  get notes(): readonly string[] {
    return this.#held.notes
  }

  /** The number of handled requests for a path. */
  seen(path: string): number {
    return this.#held.seen.get(path) ?? 0
  }

  get inFlight(): number {
    const count = this.running.inFlight
    assert(count, 'this drain does not count')
    return count()
  }

  /** Resolves when no request is in flight. */
  async noneInFlight(): Promise<void> {
    await eventually(
      () => this.inFlight === 0,
      () => `${this.inFlight} still in flight`,
    )
  }

  /** Sends the signal, and closes all connections at the end, as the exit of a process does. */
  protected async tell(): Promise<number> {
    const code = await this.running.terminate()
    this.exit()
    return code
  }

  /** The bytes that the server has written on open connections, also those that are still in a buffer. */
  get bytesWritten(): number {
    return [...this.#sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, 0)
  }

  /** The bytes that the server has read on open connections. */
  get bytesRead(): number {
    return [...this.#sockets].reduce((sum, { bytesRead }) => sum + bytesRead, 0)
  }

  /** Reads the address of the server again, which listens on another one. */
  moved(): void {
    this.address = addressOf(this.running.server)
  }

  /** Closes all connections, as the exit of a process does. */
  exit(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async strike(): Promise<void> {
    this.release()
    this.hangUp()
    this.exit()
    await this.running.dispose?.()
    if (this.running.server.listening) this.running.server.close()
    this.exit()
  }
}

/** How a sentence sets up a server in this process. A server in its own process ignores these options. */
export interface StageOptions {
  /** Whether the server listens on a unix socket. @default false */
  readonly unix?: boolean
  /** Whether the server listens before the test. @default true */
  readonly listening?: boolean
  /** Whether `/readyz` is requested before the test, as a kubelet does. @default true */
  readonly probed?: boolean
  /** Whether the server accepts WebSockets. @default false */
  readonly webSocket?: boolean
  /** Settings for one kind of subject, made anew for every run. */
  readonly setting?: (held: Held) => object
  readonly terms?: Partial<Terms>
}

/** Makes a server listen, and returns its address. */
export async function listen(
  { server, listen: own }: Pick<Running, 'server' | 'listen'>,
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
