import { setTimeout as sleep } from 'node:timers/promises'
import type { Ask } from './asks.js'
import { type Client, type ClientSpec, noEndpoint, type Range, unreachable } from './client.js'
import { ClientAgent } from './client-agent.js'
import { exchange } from './exchange.js'
import type { Endpoint } from './service.js'

/** Pause between two requests, in ms. */
const usualPause: Range = [5, 25]
const slowPause: Range = [1000, 8000]
/** What `slowReader` clients read, in bytes per ms: a good mobile line. */
const readRate = 5000

/** One HTTP/1.1 request after the other, each kind of client with its own manners. */
export class HttpClient implements Client {
  readonly #spec: ClientSpec
  readonly #agent: ClientAgent | undefined
  #endpoint: Endpoint | undefined

  constructor(spec: ClientSpec) {
    this.#spec = spec
    this.#agent = spec.kind === 'newConnection' ? undefined : new ClientAgent()
  }

  async run(stop: AbortSignal): Promise<void> {
    let begun = performance.now()
    for (;;) {
      await sleep(this.#pause(begun), undefined, { signal: stop }).catch(() => {})
      if (stop.aborted) break
      begun = performance.now()
      await this.request()
    }
    this.#agent?.destroy()
  }

  /** Sends one request and waits for its outcome. Never rejects. */
  async request(): Promise<void> {
    const { kind, timeouts, clock, pick, onSent, onAnswered, onLost } = this.#spec
    const reused = this.#agent?.reusable === true
    if (!reused) this.#endpoint = pick()
    const endpoint = this.#endpoint
    const ask = this.#draw()
    const sentAt = clock()
    onSent()
    const failure =
      endpoint === undefined
        ? noEndpoint
        : endpoint.unreachable && !reused
          ? await unreachable(timeouts)
          : await exchange({
              endpoint,
              ask,
              agent: this.#agent,
              timeouts,
              upload: kind === 'post',
              readRate: kind === 'slowReader' ? readRate : undefined,
            })
    if (failure === undefined) onAnswered(endpoint?.name ?? '', clock() - sentAt)
    else onLost({ ...failure, pod: endpoint?.name ?? null, method: ask.method, path: ask.path, sentAt, reused })
  }

  /** With a rate, requests begin at its interval, give or take a half; without one, they follow each other's end. */
  #pause(begun: number): number {
    const { kind, random, rate } = this.#spec
    if (rate !== undefined) return Math.max(0, (1000 / rate) * (0.5 + random()) - (performance.now() - begun))
    const [shortest, longest] = kind === 'slowKeepAlive' ? slowPause : usualPause
    return shortest + (longest - shortest) * random()
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
