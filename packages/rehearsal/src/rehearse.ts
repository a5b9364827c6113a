import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Cluster } from './cluster/cluster.js'
import { Nodes } from './cluster/nodes.js'
import { scenarios } from './cluster/scenarios.js'
import { Direct } from './hop/direct.js'
import { Hop } from './hop/hop.js'
import type { Way } from './hop/way.js'
import { Load } from './load/load.js'
import type { LossCause } from './load/outcome.js'
import { shortfallsOf } from './plan/estimate.js'
import type { RehearsalOptions } from './plan/options.js'
import { asksOf } from './plan/requests.js'
import { resolveSecrets, shown } from './plan/resolve.js'
import { createAddresses } from './pods/addresses.js'
import { conclude, type Rehearsal } from './result/rehearsal.js'
import { directory } from './shared/checks.js'
import { Halt } from './shared/halt.js'
import { HeldUp } from './shared/held-up.js'
import type { LiveEvent, Phase } from './timeline/events.js'
import { Journal } from './timeline/journal.js'

/**
 * Runs the command as the pods of a Deployment or StatefulSet, puts load on them, carries out the scenario, and reports which
 * requests were lost. Everything happens on this machine. No process is left when the promise settles.
 *
 * When `timeout` or `maxRequests` is used up, or `signal` is aborted, the promise resolves with what is known so far, and `incomplete`
 * says why. If that happens before the scenario has begun, the promise rejects.
 * @throws TypeError or RangeError for an invalid option.
 * @throws Error when a pod does not start, ends by itself or does not become ready (with its last output), when every request of
 * a kind fails before the scenario has begun, or when `timeout` or `maxRequests` is used up before that.
 * @throws `signal.reason` when `signal` is aborted before the scenario has begun.
 */
export async function rehearse(options: RehearsalOptions): Promise<Rehearsal> {
  const secrets = resolveSecrets(options)
  const plan = shown(secrets)
  directory('cwd', plan.cwd)
  const { onEvent, signal, env = {} } = options
  signal?.throwIfAborted()
  const halt = new Halt()
  const short = shortfallsOf(plan)
  const cut = (limit: string, foreseen?: string) =>
    halt.cut(`The rehearsal was not over after ${limit}${foreseen === undefined ? '' : `: ${foreseen}`}`)
  const journal = new Journal((event) => follow(event, onEvent, halt))
  const { record, clock } = journal
  if (plan.logs !== null) await prepareLogs(plan.logs)
  const addresses = await createAddresses(plan)
  const { through } = plan
  const way: Way =
    through === null ? new Direct(journal, () => load) : new Hop({ ...plan, through }, journal, () => load, halt.fail)
  const service = new Nodes(plan.nodes, plan.endpointLag, plan.seed, {
    onRoutes: (endpoints, node) => {
      const pods = endpoints.map(({ name }) => name)
      record({ type: 'endpoints', pods, ...(plan.nodes === 1 ? {} : { node: node + 1 }) })
      way.route(endpoints, node)
    },
    onGone: ({ name }) => way.lose(name),
  })
  const cluster = new Cluster(secrets, env, addresses, service, record, halt.fail)
  const load = new Load({ ...plan, asks: asksOf(options.requests), startedAt: journal.startedAt }, clock, {
    onLost: (client, loss, t) => way.lost(client, loss, t),
    onSample: (sample) => way.sample(sample),
    onExhausted: () => cut(`${plan.maxRequests} requests`, short.maxRequests),
    onError: halt.fail,
  })
  const heldUp = new HeldUp()
  const scenario = scenarios[plan.scenario]
  const enter = (phase: Phase) => record({ type: 'phase', phase })
  const timer = setTimeout(() => cut(`${plan.timeout / 1000} s`, short.timeout), plan.timeout)
  const onAbort = () =>
    halt.cut(
      `The rehearsal was aborted: ${(signal?.reason as Error | undefined)?.message ?? signal?.reason}`,
      signal?.reason,
    )
  signal?.addEventListener('abort', onAbort, { once: true })
  // The signal may have been aborted while the addresses were created.
  if (signal?.aborted === true) onAbort()

  async function prepare(): Promise<void> {
    enter('starting pods')
    await way.start()
    await cluster.start()
    enter('warming up')
    await load.start()
    heldUp.start()
    await halt.pause(plan.warmUp)
    await load.refresh()
    way.settle()
    refuseHopelessLoad(load, journal)
  }

  async function carryOut(): Promise<void> {
    record({ type: 'scenario-begin', requests: load.outcome.requests })
    enter(scenario.phase)
    cluster.beginScenario()
    await scenario.run(cluster, plan)
    enter('cooling down')
    await service.settled()
    await halt.pause(plan.coolDown)
    await load.end()
  }

  function end(): void {
    way.settle()
    const { requests, eventLoopDelayMs: loadEventLoopDelayMs } = load.outcome
    const { eventLoopDelayMs: hopEventLoopDelayMs } = way
    const hop = hopEventLoopDelayMs === null ? {} : { hopEventLoopDelayMs }
    record({ type: 'load-end', requests, eventLoopDelayMs: heldUp.longest, loadEventLoopDelayMs, ...hop })
    enter('done')
  }

  try {
    await halt.orElse(prepare())
    const incomplete = await halt.orCut(carryOut())
    end()
    halt.throwIfFailed()
    return conclude(plan, journal.events, journal.samples, incomplete)
  } finally {
    // First, because the end of the remaining pods is not part of the rehearsal.
    journal.close()
    heldUp.stop()
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
    service.close()
    await Promise.all([load.close(), cluster.close(), way.close()])
    await addresses.close()
  }
}

/** Creates the directory, and removes the logs of an earlier rehearsal from it. */
async function prepareLogs(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  const old = (await readdir(directory)).filter((name) => /^(?:old|new)-\d+\.log$/.test(name))
  await Promise.all(old.map((name) => rm(join(directory, name))))
}

function follow(event: LiveEvent, onEvent: RehearsalOptions['onEvent'], halt: Halt): void {
  try {
    onEvent?.(event)
  } catch (error) {
    halt.fail(error)
  }
}

/** Whether the app does not know who asks. */
function isRefusal(cause: LossCause): boolean {
  return cause === 'status 401' || cause === 'status 403'
}

/** Throws if a kind of request fails every time before the scenario: its losses would hide those of the scenario. */
function refuseHopelessLoad(load: Load, journal: Journal): void {
  const [kind] = load.hopeless
  if (kind === undefined) return
  for (const event of journal.events) {
    if (event.type !== 'lost' || event.client !== kind) continue
    const { method, path, cause, message } = event
    const advice =
      cause === 'timeout'
        ? 'Rehearse with fewer `clients`, or a `rate`, if that is too much here.'
        : isRefusal(cause)
          ? 'The app asks for a header, such as Authorization: only `requests.mix` can send one.'
          : 'Check `requests`.'
    throw new Error(
      `Every ${kind} request was lost before anything was done to the pods: ${method} ${path}: ${cause} (${message}). ${advice}`,
    )
  }
}
