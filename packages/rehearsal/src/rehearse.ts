import { setTimeout as sleep } from 'node:timers/promises'
import { createAddresses } from './addresses.js'
import { asksOf } from './asks.js'
import { Cluster } from './cluster.js'
import { explain } from './diagnosis.js'
import { createClock, type Happening, type LiveEvent, type Phase, type RehearsalEvent, type Sample } from './events.js'
import { Load } from './load.js'
import type { RehearsalOptions, RehearsalPlan } from './options.js'
import { createRandom } from './random.js'
import { scenarios } from './scenarios.js'
import { Service } from './service.js'
import { type Summary, summarise } from './summary.js'
import { resolveOptions } from './validation.js'

export const resultFormat = 1

/** What came of a rehearsal; serialisable. */
export interface Rehearsal {
  /** Of the fields below and all that is in them: raised when one of them goes, or means something else. */
  readonly format: typeof resultFormat
  readonly options: RehearsalPlan
  /** In the order of time. */
  readonly events: readonly RehearsalEvent[]
  /** The load about every 100 ms. */
  readonly samples: readonly Sample[]
  readonly summary: Summary
}

/**
 * Runs the command as the pods of a Deployment, puts load on them, does to them what the scenario says and reports which
 * requests were lost. Everything happens on this machine; no process is left when the promise settles.
 * @throws TypeError or RangeError for an option that makes no sense.
 * @throws Error when a pod does not start, ends by itself or does not become ready (with its last output), when a kind
 * of request fails every time before the scenario has begun, when `timeout` or `maxRequests` is used up, or `signal.reason`.
 */
export async function rehearse(options: RehearsalOptions): Promise<Rehearsal> {
  const plan = resolveOptions(options)
  const { onEvent, signal, env = {} } = options
  signal?.throwIfAborted()
  const clock = createClock()
  const events: RehearsalEvent[] = []
  const samples: Sample[] = []
  const halt = new AbortController()
  const tell = (event: LiveEvent) => {
    try {
      onEvent?.(event)
    } catch (error) {
      halt.abort(error)
    }
  }
  let over = false
  const record = (happening: Happening) => {
    if (over) return
    const event = { t: clock(), ...happening }
    events.push(event)
    tell(event)
  }
  const onSample = (sample: Sample) => {
    if (over) return
    samples.push(sample)
    tell(sample)
  }

  const service = new Service(plan.endpointLag, createRandom(plan.seed, 0), createRandom(plan.seed, 1), record)
  const addresses = await createAddresses(plan)
  const cluster = new Cluster(plan, env, addresses, service, record, (error) => halt.abort(error))
  const scenario = scenarios[plan.scenario]
  const load = new Load(plan, asksOf(options.requests), () => service.pick(), {
    record,
    onSample,
    clock,
    onExhausted: () => halt.abort(new Error(`The rehearsal was not over after ${plan.maxRequests} requests`)),
  })
  const halted = new Promise<never>((_, reject) => {
    halt.signal.addEventListener('abort', () => reject(halt.signal.reason), { once: true })
  })
  halted.catch(() => {})
  const orHalt = <T>(promise: Promise<T>): Promise<T> => Promise.race([promise, halted])
  const pause = (ms: number) => sleep(ms, undefined, { signal: halt.signal })
  const enter = (phase: Phase) => record({ type: 'phase', phase })

  const relay = () => halt.abort(signal?.reason)
  signal?.addEventListener('abort', relay, { once: true })
  // It may have come while the addresses were made.
  if (signal?.aborted === true) relay()
  const timer = setTimeout(
    () => halt.abort(new Error(`The rehearsal was not over after ${plan.timeout} ms`)),
    plan.timeout,
  )
  try {
    enter('starting pods')
    await orHalt(cluster.start())
    enter('warming up')
    load.start()
    await orHalt(pause(plan.warmUp))
    refuseHopelessLoad(load, events)
    enter(scenario.phase)
    cluster.noticeFromNowOn()
    await orHalt(scenario.run(cluster, plan))
    enter('cooling down')
    await orHalt(service.settled())
    await orHalt(pause(plan.coolDown))
    await orHalt(load.end())
    enter('done')
    halt.signal.throwIfAborted()
    const explained = explain(events, plan)
    return { format: resultFormat, options: plan, events: explained, samples, summary: summarise(explained, plan) }
  } finally {
    // How the last pods end is no part of the rehearsal.
    over = true
    clearTimeout(timer)
    signal?.removeEventListener('abort', relay)
    service.close()
    const loadClosed = load.close()
    await cluster.close()
    await loadClosed
    await addresses.close()
  }
}

/** A path that fails before any pod was deleted would only bury the losses of the scenario. */
function refuseHopelessLoad(load: Load, events: readonly RehearsalEvent[]): void {
  const [kind] = load.hopeless
  if (kind === undefined) return
  const loss = events.find((event) => event.type === 'lost' && event.client === kind)
  if (loss?.type !== 'lost') return
  const { method, path, cause, message } = loss
  throw new Error(
    `Every ${kind} request was lost before anything was done to the pods: ${method} ${path}: ${cause} (${message}). Check \`requests\`.`,
  )
}
