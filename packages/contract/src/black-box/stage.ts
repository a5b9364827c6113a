import { strict as assert } from 'node:assert'
import type { Answer } from '../clients.js'
import { Requests } from '../requests.js'
import { Stage, type Terms } from '../stage.js'
import type { Received } from '../wire.js'
import { within } from '../within.js'
import type { FirstLook } from './first-look.js'
import { ServerProcess } from './process.js'
import { NoServer, type Server } from './server.js'

/** A server that is a process of its own, of which nothing is known but what it answers. */
export class BlackStage extends Stage {
  readonly terms: Terms
  readonly #server: Server
  readonly #look: FirstLook
  readonly #process: ServerProcess
  #told: Promise<void> | undefined

  private constructor(server: Server, look: FirstLook, process: ServerProcess, version: 1 | 2) {
    const requests = new Requests(locating(server), server.headers)
    super({ host: '127.0.0.1', port: process.port }, look.has.includes('tls'), version, requests)
    this.terms = server.terms
    this.#server = server
    this.#look = look
    this.#process = process
  }

  /** @param http2 whether ordinary clients speak HTTP/2, if the server does */
  static async set(server: Server, look: FirstLook, http2: boolean): Promise<BlackStage> {
    const process = await ServerProcess.start(server)
    const stage = new BlackStage(server, look, process, http2 && look.has.includes('http2') ? 2 : 1)
    try {
      // No pod gets requests before it was probed.
      const probe = stage.ask(server.paths.ready === undefined ? '/' : '/readyz').catch(() => undefined)
      if ((await within(probe, server.startup)) === undefined) throw new NoServer('Its first probe was not answered')
      return stage
    } catch (error) {
      await stage.strike()
      throw error
    }
  }

  /** Nobody sees that from outside. What was sent before a request that has been answered is there by then. */
  get received(): Promise<unknown> {
    // A server that does one thing at a time answers when the other thing is done.
    return within(this.ask('/'), 1000)
  }

  get arrived(): Promise<void> {
    return this.received.then(() => new Promise((resolve) => setTimeout(resolve, 50)))
  }

  /** A signal takes its time to be delivered, and nobody sees from outside when it was. */
  get heard(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 100))
  }

  override get signal(): NodeJS.Signals {
    return this.#server.signal
  }

  /** It answers when its time is over. */
  release(): void {}

  sent(): Promise<void> {
    return this.arrived
  }

  expect(path: string, { status, body }: Received | Answer): void {
    if (path === '/' || path === '/later') assert.equal(status, this.#look.status, `GET ${this.requests.locate(path)}`)
    else assert(status >= 200 && status < 400, `${this.requests.locate(path)} was answered with ${status}`)
    if (path === '/big') assert.equal(body.length, this.#look.bytes, 'bytes')
  }

  protected async tell(): Promise<number> {
    this.#told ??= new Promise((resolve) => setTimeout(resolve, this.#server.sleep))
    const killing = setTimeout(() => this.#process.signal('SIGKILL'), this.terms.grace)
    if (this.#server.sleep > 0) await this.#told
    this.#process.signal(this.signal)
    await this.#process.ended
    clearTimeout(killing)
    return this.#process.ends()
  }

  async strike(): Promise<void> {
    this.hangUp()
    this.#process.kill()
    await this.#process.ended
  }
}

/** Milliseconds that a request takes which is in flight at the signal: longer than load balancers need, and not too long. */
export function heldFor({ settle }: Terms): number {
  return settle * 2 + 1000
}

/** Where the paths of the contract's own application are on this server. Others are as unknown to it as they are. */
function locating({ paths, terms }: Server): (path: string) => string {
  const taking = (path: string | undefined, ms: number): string | undefined => path?.replace('{ms}', String(ms))
  const places: Readonly<Record<string, string | undefined>> = {
    '/': paths.get,
    '/later': paths.get,
    '/held': taking(paths.slow, heldFor(terms)),
    '/silent': taking(paths.slow, terms.grace * 2),
    '/begun': taking(paths.stream, heldFor(terms)),
    '/endless': taking(paths.stream, terms.grace * 2),
    '/big': paths.big,
    '/upload': paths.upload,
    '/socket': paths.websocket,
    '/readyz': paths.ready,
    '/livez': paths.live,
    '/prestop': paths.prestop,
  }
  return (path) => places[path] ?? path
}
