import { clientKinds, kinds } from '../load/kinds.js'
import type { Probe, RehearsalPlan, Scenario } from './options.js'

/** What a scenario waits for. */
interface Course {
  /** How many times in a row it waits for new pods. */
  rounds(plan: RehearsalPlan): number
  /** The grace period that an old pod may use up, in seconds. @default terminationGracePeriodSeconds of the plan */
  readonly grace?: number
}

const update: Course = {
  rounds: ({ workload, replicas, partition, maxSurge, maxUnavailable }) =>
    Math.ceil((workload === 'StatefulSet' ? replicas - partition : replicas) / (maxSurge + maxUnavailable)),
}
const replacement: Course = { rounds: () => 1 }
/** Seconds: a hook uses up the grace period of 1 s, and then the kubelet leaves the container 2 s. */
const shortGrace = 3

const courses: Readonly<Record<Scenario, Course>> = {
  rollout: update,
  'single-replica': update,
  overrun: { ...update, grace: shortGrace },
  'scale-down': { rounds: () => 0 },
  'liveness-kill': replacement,
  'node-shutdown': replacement,
  evict: { ...replacement, grace: shortGrace },
  crash: { ...replacement, grace: 0 },
}

/** The limits that a rehearsal may exceed, by its plan: each with a phrase that contains the sum. A limit that holds is missing. */
export interface Shortfalls {
  readonly timeout?: string
  readonly maxRequests?: string
}

/**
 * Estimates from above how long a rehearsal takes (the last pod uses up its grace period) and how many requests it sends (each is
 * answered at once). Returns what is more than the plan's `timeout` and `maxRequests`.
 */
export function shortfallsOf(plan: RehearsalPlan): Shortfalls {
  const { scenario, warmUp, coolDown, endpointLag, timeout, maxRequests } = plan
  const { rounds, grace = plan.terminationGracePeriodSeconds } = courses[scenario]
  const times = rounds(plan)
  // A StatefulSet creates a new pod when the old one is gone, so the grace periods come one after the other.
  const graces = plan.workload === 'StatefulSet' ? Math.max(times, 1) : 1
  const parts = [
    ['warm-up', warmUp],
    [`${times} × ${seconds(readyAfter(plan))} for new pods`, times * readyAfter(plan)],
    [graces === 1 ? 'grace period' : `${graces} × ${grace} s of grace`, graces * grace * 1000],
    ['endpoints', endpointLag.max],
    ['cool-down', coolDown],
  ] as const
  const duration = parts.reduce((sum, [, ms]) => sum + ms, 0)
  const sum = parts.flatMap(([what, ms]) => (ms === 0 ? [] : [what.includes('×') ? what : `${what} ${seconds(ms)}`]))
  const rate = requestsPerSecond(plan)
  const requests = Math.round((rate * duration) / 1000)
  return {
    ...(duration > timeout && { timeout: `it takes up to ${seconds(duration)} (${sum.join(' + ')})` }),
    ...(requests > maxRequests && {
      maxRequests: `it sends up to ${requests} requests (${Math.round(rate)} a second for ${seconds(duration)})`,
    }),
  }
}

/** ms from the creation of a pod until it is available, without the time that the app itself needs to start. */
function readyAfter({ startDelay, startupProbe, readinessProbe, minReadySeconds }: RehearsalPlan): number {
  return startDelay + 1000 * (passedAfter(startupProbe) + passedAfter(readinessProbe) + minReadySeconds)
}

/** The least time that a probe takes to pass, in seconds. Its first attempt fails, because it comes before the app listens. */
export function passedAfter(probe: Readonly<Probe> | null): number {
  if (probe === null) return 0
  return probe.initialDelaySeconds + probe.periodSeconds * probe.successThreshold
}

function requestsPerSecond({ clients, rate }: RehearsalPlan): number {
  const own = clientKinds.reduce((sum, kind) => {
    const { paced, perSecond } = kinds[kind]
    return sum + (paced && rate !== null ? 0 : clients[kind] * perSecond)
  }, 0)
  return own + (rate ?? 0)
}

function seconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(1))} s`
}
