import type { Worker } from 'node:worker_threads'
import type { Endpoint } from '../load/endpoint.js'
import type { ClientKind } from '../load/kinds.js'
import type { Loss } from '../load/outcome.js'
import type { Sample } from '../load/sample.js'
import type { RehearsalPlan, Through } from '../plan/options.js'
import type { Address } from '../pods/address.js'
import { createAddresses } from '../pods/addresses.js'
import { startThread } from '../shared/thread.js'
import type { Journal } from '../timeline/journal.js'
import type { Front, FrontPlan } from './front.js'
import { startProgram } from './program.js'
import { programs } from './programs.js'
import { startProxy } from './proxy/proxy.js'
import type { FromRelay, RelayPlan, ToRelay } from './relay/messages.js'
import type { Clients, Way } from './way.js'
import { Witness } from './witness.js'

/** The parts of a plan that describe the proxy between clients and pods. */
export type HopPlan = Pick<RehearsalPlan, 'hop' | 'seed'> & { readonly through: Through }

/** The proxy listens on any free address of this machine, whatever the plan says of the pods' addresses. */
const anyAddress = {
  port: null,
  netns: false,
  cpus: null,
  preStop: null,
  readinessProbe: null,
  livenessProbe: null,
  startupProbe: null,
}

/** ms. The relay's message about a failure may arrive this much later than the client's message about the loss. */
const sightingDelay = 100

/** A proxy stands between clients and pods, with its own connections to the pods. */
export class Hop implements Way {
  readonly #plan: HopPlan
  readonly #journal: Journal
  readonly #clients: () => Clients
  readonly #fail: (error: Error) => void
  readonly #relay: Worker
  readonly #listening: Promise<unknown>
  readonly #witness = new Witness()
  /** Losses that are not recorded yet, the oldest first. */
  readonly #pending: Array<readonly [client: ClientKind, loss: Loss, t: number]> = []
  #started: Promise<void> = Promise.resolve()
  #address: Address | undefined
  #front: Front | undefined
  #relayEventLoopDelayMs = 0

  /** `fail` is called when the relay or the proxy fails. */
  constructor(plan: HopPlan, journal: Journal, clients: () => Clients, fail: (error: Error) => void) {
    this.#plan = plan
    this.#journal = journal
    this.#clients = clients
    this.#fail = fail
    const workerData: RelayPlan = { seed: plan.seed, startedAt: journal.startedAt }
    const { worker, ready } = startThread('hop/relay/thread.js', workerData, fail)
    this.#relay = worker
    this.#listening = ready
    this.#relay.on('message', (message: FromRelay) => {
      if (message.type === 'seen') this.#witness.note(message.seen)
      else if (message.type === 'tick') {
        this.#witness.count(message.answered)
        this.#relayEventLoopDelayMs = message.eventLoopDelayMs
      }
    })
  }

  get eventLoopDelayMs(): number {
    return Math.max(this.#relayEventLoopDelayMs, this.#front?.eventLoopDelayMs ?? 0)
  }

  start(): Promise<void> {
    this.#started = this.#start()
    return this.#started
  }

  async #start(): Promise<void> {
    const { port } = (await this.#listening) as Extract<FromRelay, { type: 'listening' }>
    const { through: name, hop } = this.#plan
    this.#address = await (await createAddresses(anyAddress)).next()
    const listen = { host: this.#address.host, port: this.#address.port }
    const plan: FrontPlan = { listen, upstream: { host: '127.0.0.1', port }, ...hop }
    this.#front =
      name === 'proxy' ? await startProxy(plan, this.#fail) : await startProgram(name, programs[name], plan, this.#fail)
    this.#clients().route([{ name, ...listen }])
  }

  route(endpoints: readonly Endpoint[]): void {
    this.#tell({ type: 'route', endpoints })
  }

  lose(pod: string): void {
    this.#tell({ type: 'gone', pod })
  }

  lost(client: ClientKind, loss: Loss, t: number): void {
    this.#pending.push([client, loss, t])
    // `setImmediate`, so that messages which arrived while this thread was busy are handled first.
    setTimeout(() => setImmediate(() => this.#recordOldest()), sightingDelay)
  }

  sample(sample: Sample): void {
    this.#journal.sample(this.#witness.credit(sample))
  }

  settle(): void {
    while (this.#pending.length > 0) this.#recordOldest()
  }

  async close(): Promise<void> {
    // A proxy that is still starting is closed when it has started.
    await this.#started.catch(() => {})
    await Promise.all([this.#front?.close(), this.#address?.release(), this.#relay.terminate()])
  }

  #tell(message: ToRelay): void {
    this.#relay.postMessage(message)
  }

  /** Records the oldest loss, with the pod that the relay saw it on. */
  #recordOldest(): void {
    const [client, loss, t] = this.#pending.shift() ?? []
    if (client === undefined || loss === undefined || t === undefined) return
    const { through } = this.#plan
    const seen = this.#witness.identify(loss, t)
    const message = seen?.end === 'answered' ? loss.message : `${through}: ${loss.message}`
    const { pod, status, ...upstream } = seen ?? { pod: null }
    const told = { type: 'lost', client, ...loss, pod, message } as const
    this.#journal.record('end' in upstream ? { ...told, upstream } : told, t)
  }
}
