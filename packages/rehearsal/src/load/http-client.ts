import type { IncomingHttpHeaders } from 'node:http'
import { ClientAgent } from './agent.js'
import type { Ask } from './ask.js'
import { askAgainAndAgain, type Client, type ClientSpec, draw, type Range, unreachable } from './client.js'
import { answering, type Endpoint } from './endpoint.js'
import { exchange } from './exchange.js'
import { noEndpoint } from './outcome.js'

/** How one kind of client behaves. */
export interface Manners {
  /** Whether the client keeps its connection for the next request. */
  readonly keeps: boolean
  /** The pause between two requests. */
  readonly pause: Range
  /** Whether the client uploads a body of 16 KiB slowly. @default false */
  readonly upload?: boolean
  /** How fast the client reads responses, in bytes per ms. @default undefined: as fast as they come */
  readonly readRate?: number
}

/** Pause between two requests of a busy client, in ms. */
export const usualPause: Range = [5, 25]

/** Sends one HTTP/1.1 request after the other. */
export class HttpClient implements Client {
  readonly #spec: ClientSpec
  readonly #manners: Manners
  readonly #agent: ClientAgent | undefined
  #endpoint: Endpoint | undefined

  constructor(spec: ClientSpec, manners: Manners) {
    this.#spec = spec
    this.#manners = manners
    this.#agent = manners.keeps ? new ClientAgent() : undefined
  }

  async run(stop: AbortSignal): Promise<void> {
    let begun = performance.now()
    await askAgainAndAgain(
      stop,
      () => this.#pause(begun),
      () => {
        begun = performance.now()
        return this.request()
      },
    )
    this.close()
  }

  close(): void {
    this.#agent?.destroy()
  }

  /** Sends one request and waits for its outcome. Never rejects. */
  async request(): Promise<void> {
    const { timeouts, clock, pick, podHeader, onSent, onAnswered, onLost } = this.#spec
    const { upload, readRate } = this.#manners
    const reused = this.#agent?.reusable === true
    if (!reused) this.#endpoint = pick()
    const endpoint = this.#endpoint
    const ask = this.#draw()
    const sentAt = clock()
    const onHeaders = (headers: IncomingHttpHeaders) => {
      this.#endpoint = answering(this.#endpoint, headers, podHeader)
    }
    onSent()
    const failure =
      endpoint === undefined
        ? noEndpoint
        : endpoint.unreachable && !reused
          ? await unreachable(timeouts)
          : await exchange({ endpoint, ask, agent: this.#agent, timeouts, upload, readRate, onHeaders })
    const pod = this.#endpoint?.name
    if (failure === undefined) onAnswered(pod ?? '', clock() - sentAt)
    else onLost({ ...failure, pod: pod ?? null, method: ask.method, path: ask.path, sentAt, reused })
  }

  /** With a rate, requests begin at its interval, ± 50 %. Without a rate, each begins a pause after the end of the one before. */
  #pause(begun: number): number {
    const { random, rate } = this.#spec
    if (rate !== undefined) return Math.max(0, (1000 / rate) * (0.5 + random()) - (performance.now() - begun))
    return draw(this.#manners.pause, random)
  }

  #draw(): Ask {
    const { asks, random } = this.#spec
    let left = asks.length === 1 ? 0 : random() * asks.reduce((sum, { weight }) => sum + weight, 0)
    for (const ask of asks) {
      left -= ask.weight
      if (left < 0) return ask
    }
    return asks[asks.length - 1] as Ask
  }
}
