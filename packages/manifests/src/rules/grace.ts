import type { Container, Pod } from '../objects/pod.js'
import { budgetOf, graceSecondsFor, graceVariable, reservedTimes, seconds } from '../shared/budget.js'
import { type Balancer, isQuick, leastWaitFor, variableFor } from '../world/balancer.js'
import type { DrainVariables } from '../world/drain-variables.js'
import type { World } from '../world/world.js'
import { eachContainer, eachPod, type Rule } from './rule.js'

/** The least number of seconds between SIGTERM and SIGKILL, after a hook that has used up the grace period. */
const least = 2

const hookOutlastsGrace: Rule = {
  id: 'hook-outlasts-grace',
  severity: 'error',
  severityReason:
    'A hook that only waits never ends in time: the app gets SIGKILL 2 s after SIGTERM. A hook that does something before it waits may have stopped the app: a warning.',
  title: 'A hook that takes as long as the grace period, or longer',
  why: 'The grace period begins with the hook, not with SIGTERM. When the grace period is over, the kubelet sends SIGTERM, and SIGKILL 2 s later, even if requests are in flight. The API server refuses a `sleep` that is longer than the grace period.',
  check: eachContainer(({ hook, pod }, report) => {
    const took = hook?.seconds
    const { grace = 0 } = pod
    if (hook === undefined || took === undefined || grace <= 0 || took < grace) return
    report(
      hook.secondsPlace,
      `The hook takes ${took} s, and ${pod.graceText}: ${grace} − ${took} leaves nothing for the drain, only the ${least} s from SIGTERM to SIGKILL`,
      {
        // A hook that does something before it sleeps may have told the app to end, so that the app ends during the hook.
        severity: hook.onlySleeps ? 'error' : 'warning',
        fix: `Raise \`terminationGracePeriodSeconds\` to ${graceSecondsFor(took * 1000)} or more, or shorten the hook`,
      },
    )
  }),
}

const hookLeavesLittle: Rule = {
  id: 'hook-leaves-little',
  severity: 'warning',
  severityReason: 'It depends on what is in flight when the hook ends.',
  title: 'A hook that leaves too little of the grace period',
  why: 'After the hook, requests in flight have to be answered, and pools and connections have to be closed. podrain keeps 5 s for closing and 1 s in reserve by default. The longest request is added to these, if you say how long it takes (`--longest-request`).',
  check: eachContainer(({ hook, pod }, report, { facts }) => {
    const took = hook?.seconds
    const { grace = 0 } = pod
    if (hook === undefined || took === undefined || pod.isJob || took >= grace) return
    const { closing, reserve } = reservedTimes(grace)
    const request = facts.longestRequest ?? 0
    const left = grace - took
    const needed = closing + reserve + request
    if (left * 1000 >= needed) return
    const { sum } = budgetOf(grace, took * 1000, request)
    report(
      hook.secondsPlace,
      `The hook takes ${took} s and leaves ${left} s of the grace period of ${grace} s, but ${sum.replace('settle', 'hook')}`,
      { fix: `Raise \`terminationGracePeriodSeconds\` to ${graceSecondsFor(took * 1000, request)}` },
    )
  }),
}

const hookShorterThanSettle: Rule = {
  id: 'hook-shorter-than-settle',
  severity: 'warning',
  severityReason:
    'It depends on how soon the load balancer gets the change of the endpoints; the time is the longest that is known.',
  title: 'A hook that ends while the load balancer still routes to the pod',
  why: 'A fixed sleep has to be as long as the load balancer needs to stop routing to the pod: 15 s for ingress-nginx, 30 s for an AWS ALB, 40 s for Google’s NEG, two minutes for an AWS NLB. Requests that come after the hook has ended are refused.',
  check: eachContainer((container, report, world) => {
    const { hook, pod } = container
    const took = hook?.seconds
    if (hook === undefined || took === undefined || took >= (pod.grace ?? 0) || pod.isPodrain) return
    if (!world.servedContainersOf(pod).includes(container)) return
    const balancer = world.balancerOf(pod)
    const { name, because } = balancer
    const needed = leastWaitFor(balancer) / 1000
    if (took >= needed) return
    const grace = graceSecondsFor(needed * 1000)
    report(
      hook.secondsPlace,
      isQuick(balancer)
        ? `The hook takes ${took} s, but kube-proxy may route to the pod for 1.2 s after its termination has begun`
        : `The hook takes ${took} s, but ${name} needs ${needed} s to stop routing to the pod: ${because}`,
      {
        fix: `Make it ${needed} s, with a grace period of ${grace} s or more; or use podrain, which waits as long as it has to`,
      },
    )
  }),
}

const graceMissesSettle: Rule = {
  id: 'grace-misses-settle',
  severity: 'error',
  severityReason:
    'podrain refuses to start if the wait that its variables say does not fit. What the load balancer needs is a warning: it depends on how soon the load balancer gets the change of the endpoints.',
  title: 'A grace period that is too short for the load balancer',
  why: 'The pod has to serve until the load balancer has stopped routing to it (“settle”), answer the requests in flight, and close. The settle wait is the longest that is known of the load balancer, or the one that podrain is told. podrain refuses to start with a grace period that is too short for what it is told, and its error has the same sum.',
  check: eachPod((pod, report, world) => {
    const { grace: given = 0 } = pod
    if (pod.isJob || given <= 0) return
    const balancer = world.balancerOf(pod)
    const { name, because } = balancer
    const request = world.facts.longestRequest ?? 0
    const place = pod.gracePlace.exists ? pod.gracePlace : pod.spec
    const asked = pod.running.filter((container) => world.mayBeAsked(container)).map(world.drainVariablesOf)
    const settle = Math.max(
      balancer.settle,
      ...asked.map(({ settle = 0, setBy }) => (setBy === undefined ? 0 : settle)),
    )
    const refusing = refusingIn(pod, world)
    if (refusing !== undefined) {
      const { container, misfit, kept } = refusing
      const grace = graceSecondsFor(Math.max(settle, misfit.wait), request, kept)
      report(
        place,
        `podrain in container \`${container.name}\` refuses to start: it needs ${misfit.sum}, but it assumes a grace period of ${misfit.grace} s`,
        { severity: 'error', fix: `terminationGracePeriodSeconds: ${grace}, the same in \`${graceVariable}\`` },
      )
      return
    }
    if (pod.kind === 'Pod' || !world.isAsked(pod)) return
    // A fixed sleep is judged by another rule. If nothing waits, a grace period is too short only for a long request.
    if (!pod.running.some(({ hook }) => hook !== undefined && hook.seconds === undefined) && request === 0) return
    if (because === undefined && !pod.isPodrain && request === 0) return
    if (hasSaidSo(pod)) return
    const { sum, total } = budgetOf(given, settle, request)
    if (total <= given * 1000) return
    report(
      place,
      `The drain needs ${sum}, but ${pod.graceText}${because === undefined ? '' : `; ${name} routes to the pod: ${because}`}`,
      {
        severity: 'warning',
        fix: `terminationGracePeriodSeconds: ${graceSecondsFor(settle, request)}${pod.isPodrain ? `, the same in \`${graceVariable}\`${variableToo(balancer, asked)}` : ''}`,
      },
    )
  }),
}

/** The first container in which podrain refuses to start, because its times do not fit; undefined if there is none. */
function refusingIn(
  { running }: Pod,
  world: World,
):
  | (Pick<DrainVariables, 'kept'> & { container: Container; misfit: NonNullable<DrainVariables['misfit']> })
  | undefined {
  for (const container of running) {
    const { misfit, kept } = world.drainVariablesOf(container)
    // A helper of the app may share its variables, and know nothing of podrain.
    if (misfit !== undefined && (container.isPodrain || world.mayBeAsked(container))) return { container, misfit, kept }
  }
  return undefined
}

/** The end of a fix: the variable that the load balancer needs besides a longer grace period; empty if podrain waits long enough. */
function variableToo(balancer: Balancer, asked: readonly DrainVariables[]): string {
  if (asked.every(({ settle }) => settle === undefined || settle >= balancer.settle)) return ''
  const hasMin = asked.some((each) => each.hasMin)
  return `, and \`${variableFor(balancer, hasMin)}\``
}

/** Whether another rule already reports that the hook does not fit into the grace period. */
function hasSaidSo(pod: Pod): boolean {
  return pod.running.some(({ hook }) => hook?.seconds !== undefined && hook.seconds >= (pod.grace ?? Infinity))
}

const graceZero: Rule = {
  id: 'grace-zero',
  severity: 'error',
  severityReason:
    'Kubernetes removes the pod at once. 1 s is a warning. For a pod that gets no requests both are an info.',
  title: 'A grace period of 0 or 1 s',
  why: 'With `terminationGracePeriodSeconds: 0` Kubernetes removes the pod from the API at once, while its containers still run, so another pod may take its name. The kubelet treats 0 as 1: it ends the hook after 1 s, and sends SIGKILL 2 s after SIGTERM. Neither 0 nor 1 s is enough for a drain.',
  check: eachPod((pod, report, world) => {
    const { number } = pod.gracePlace
    if (number === undefined || number >= least) return
    const { settle } = world.balancerOf(pod)
    report(pod.gracePlace, number === 1 ? '1 s is too short for a drain: podrain keeps 1 s in reserve' : noTime(pod), {
      // A daemon of a node often gets no requests, and may end at once.
      severity: !world.isAsked(pod) ? 'info' : number <= 0 ? 'error' : 'warning',
      fix: `${graceSecondsFor(settle) > 30 ? 'Set' : 'Remove it (30 s), or set'} ${graceSecondsFor(settle)} or more`,
    })
  }),
}

function noTime({ running }: Pod): string {
  return running.some(({ hook }) => hook !== undefined)
    ? 'The kubelet ends the hook after 1 s, and sends SIGKILL 2 s after SIGTERM: too short for a drain'
    : 'The kubelet sends SIGKILL 2 s after SIGTERM, and the pod is removed from the API at once: too short for a drain'
}

const probeGrace: Rule = {
  id: 'probe-grace',
  severity: 'error',
  severityReason:
    'The API server refuses it on a readiness probe. On a liveness probe it is a warning, because it matters only when that probe fails.',
  title: 'A grace period of a probe that is too short for the drain',
  why: 'When a liveness or startup probe fails, the `terminationGracePeriodSeconds` of the probe replaces that of the pod: the hook and the drain have to fit into it. A readiness probe may not have one.',
  check: eachContainer((container, report) => {
    const { pod, hook, place } = container
    const readiness = place.get('readinessProbe', 'terminationGracePeriodSeconds')
    if (readiness.exists) {
      report(
        readiness,
        'A readiness probe kills no container, so it may have no grace period: the API server refuses it',
        {
          fix: 'Move it to the livenessProbe, or remove it',
        },
      )
    }
    for (const name of ['livenessProbe', 'startupProbe']) {
      const grace = place.get(name, 'terminationGracePeriodSeconds')
      if (grace.number === undefined || grace.number >= (pod.grace ?? 0)) continue
      const took = hook?.seconds ?? 0
      const { closing, reserve } = reservedTimes(grace.number)
      // A container that fails its startup probe has never served requests.
      if (name === 'startupProbe' || took * 1000 + closing + reserve <= grace.number * 1000) continue
      report(
        grace,
        `After a failed liveness probe the grace period is ${grace.number} s, but hook ${took} s + closing ${seconds(closing)} + reserve ${seconds(reserve)} = ${seconds(took * 1000 + closing + reserve)}`,
        { severity: 'warning', fix: 'Raise it, or remove it: then the grace period of the pod applies' },
      )
    }
  }),
}

export const graceRules: readonly Rule[] = [
  hookOutlastsGrace,
  hookLeavesLittle,
  hookShorterThanSettle,
  graceMissesSettle,
  graceZero,
  probeGrace,
]
