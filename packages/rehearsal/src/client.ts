import { setTimeout as sleep } from 'node:timers/promises'
import { ClientAgent } from './client-agent.js'
import type { Clock } from './events.js'
import { exchange, type Failure } from './exchange.js'
import type { ClientKind, ClientTimeouts } from './options.js'
import type { Random } from './random.js'
import type { Endpoint } from './service.js'

/** What a client needs to know, and whom it tells. */
export interface ClientSpec {
  readonly kind: ClientKind
  readonly path: string
  readonly timeouts: Readonly<ClientTimeouts>
  readonly random: Random
  readonly clock: Clock
  /** Chooses the pod of a new connection. */
  readonly pick: () => Endpoint | undefined
  readonly onSent: () => void
  /** Called with the pod that answered, and how many ms the whole exchange took. */
  readonly onAnswered: (pod: string, ms: number) => void
  readonly onLost: (loss: Loss) => void
}

/** A lost request. */
export interface Loss extends Failure {
  readonly pod: string | null
  readonly method: string
  readonly path: string
  /** On the clock of the events. */
  readonly sentAt: number
}

/** Pause between two requests, in ms. */
const pace = { usual: [5, 25], slowKeepAlive: [1000, 8000] } as const

/** A client without retries: one request after the other, until it is stopped. */
export class Client {
  readonly #spec: ClientSpec
  readonly #agent: ClientAgent | undefined
  #endpoint: Endpoint | undefined

  constructor(spec: ClientSpec) {
    this.#spec = spec
    this.#agent = spec.kind === 'newConnection' ? undefined : new ClientAgent()
  }

  /** Sends requests until `stop` is aborted, then waits for the open one. Never rejects. */
  async run(stop: AbortSignal): Promise<void> {
    const [shortest, longest] = this.#spec.kind === 'slowKeepAlive' ? pace.slowKeepAlive : pace.usual
    for (;;) {
      const pause = shortest + (longest - shortest) * this.#spec.random()
      await sleep(pause, undefined, { signal: stop }).catch(() => {})
      if (stop.aborted) break
      await this.request()
    }
    this.#agent?.destroy()
  }

  /** Sends one request and waits for its outcome. Never rejects. */
  async request(): Promise<void> {
    const { kind, path, timeouts, clock, pick, onSent, onAnswered, onLost } = this.#spec
    if (this.#agent?.reusable !== true) this.#endpoint = pick()
    const endpoint = this.#endpoint
    const method = kind === 'post' ? 'POST' : 'GET'
    const sentAt = clock()
    onSent()
    const failure: Failure | undefined =
      endpoint === undefined
        ? { cause: 'refused', message: 'the Service has no endpoint' }
        : await exchange({ endpoint, method, path, agent: this.#agent, timeouts })
    if (failure === undefined) onAnswered(endpoint?.name ?? '', clock() - sentAt)
    else onLost({ ...failure, pod: endpoint?.name ?? null, method, path, sentAt })
  }
}
