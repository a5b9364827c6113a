import { type Container, isBehind, type Pod } from '../objects/pod.js'
import {
  behindVariable,
  budgetOf,
  graceSecondsFor,
  graceVariable,
  presets,
  reservedTimes,
  seconds,
} from '../shared/budget.js'
import { replaceText } from '../text/edits.js'
import { type Balancer, isQuick } from '../world/balancer.js'
import { servedBy } from './hook.js'
import { eachContainer, eachPod, type Rule } from './rule.js'

/** The least number of seconds between SIGTERM and SIGKILL, after a hook that has used up the grace period. */
const least = 2

const hookOutlastsGrace: Rule = {
  id: 'hook-outlasts-grace',
  severity: 'error',
  severityReason:
    'A hook that only waits is never done, and the app is killed 2 s after SIGTERM. One that does something first may have told the app to end: a warning.',
  title: 'A hook that takes as long as the grace period, or longer',
  why: 'The grace period begins with the hook, not with SIGTERM. When the grace period is over, the kubelet sends SIGTERM, and SIGKILL 2 s later, whatever is still open. The API server refuses a `sleep` that is longer than the grace period.',
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
  severityReason: 'It depends on what is open when the hook is done.',
  title: 'A hook after which too little of the grace period is left',
  why: 'After the hook, requests that are still open have to end, and pools and connections have to be closed. podrain keeps 5 s for closing and 1 s in reserve by default; the longest request comes on top, if you say how long it is (`--longest-request`).',
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
      `${grace} s of grace − ${took} s of hook leaves ${left} s, but ${sum.replace('settle', 'hook')}`,
      { fix: `Raise \`terminationGracePeriodSeconds\` to ${graceSecondsFor(took * 1000, request)}` },
    )
  }),
}

const hookShorterThanSettle: Rule = {
  id: 'hook-shorter-than-settle',
  severity: 'warning',
  severityReason: 'It depends on how fast the load balancer learns; the time is the longest that is known.',
  title: 'A hook that ends before the load balancer knows',
  why: 'A fixed sleep has to be as long as the load balancer needs to stop sending: 15 s for ingress-nginx, 30 s for an AWS ALB, 40 s for Google’s NEG, two minutes for an AWS NLB. Requests that come after the hook has ended are refused.',
  check: eachContainer((container, report, world) => {
    const { hook, pod } = container
    const took = hook?.seconds
    if (hook === undefined || took === undefined || took >= (pod.grace ?? 0) || pod.isPodrain) return
    if (!servedBy(pod, world).includes(container)) return
    const balancer = world.balancerOf(pod)
    const { name, settle, because } = balancer
    // A proxy in the same cluster learns at least as soon as kube-proxy, for which the measured 1.2 s counts here.
    const needed = isQuick(balancer) ? 2 : settle / 1000
    if (took >= needed) return
    const grace = graceSecondsFor(needed * 1000)
    report(
      hook.secondsPlace,
      isQuick(balancer)
        ? `The hook takes ${took} s, but kube-proxy may send for 1.2 s after the pod has been told`
        : `The hook takes ${took} s, but ${name} needs ${needed} s to stop sending: ${because}`,
      {
        fix: `Make it ${needed} s, with a grace period of ${grace} s or more; or let podrain wait as long as it has to`,
      },
    )
  }),
}

const graceMissesSettle: Rule = {
  id: 'grace-misses-settle',
  severity: 'warning',
  severityReason: 'It depends on how fast the load balancer learns; the time is the longest that is known.',
  title: 'A grace period that is too short for what stands in front',
  why: 'The pod has to serve until the load balancer has stopped sending, answer what is in flight, and close. With `behind` set to that load balancer, podrain refuses to start with such a grace period, and says the same sum.',
  check: eachPod((pod, report, world) => {
    const { grace: given = 0 } = pod
    if (pod.isJob || pod.kind === 'Pod' || given <= 0) return
    const { behind, name, settle, because } = world.balancerOf(pod)
    const request = world.facts.longestRequest ?? 0
    if (!world.isAsked(pod)) return
    // A fixed sleep is judged by another rule. If nothing waits, a grace period is too short only for a long request.
    if (!pod.running.some(({ hook }) => hook !== undefined && hook.seconds === undefined) && request === 0) return
    if (because === undefined && !pod.isPodrain && request === 0) return
    if (hasSaidSo(pod)) return
    const { sum, total } = budgetOf(given, settle, request)
    if (total <= given * 1000) return
    const grace = graceSecondsFor(settle, request)
    report(
      pod.gracePlace.exists ? pod.gracePlace : pod.spec,
      `${sum}, but ${pod.graceText}${because === undefined ? '' : `; ${name} is in front: ${because}`}`,
      {
        fix: `terminationGracePeriodSeconds: ${grace}${pod.isPodrain ? `, the same in \`${graceVariable}\`, and \`${behindVariable}: ${behind}\`` : ''}`,
      },
    )
  }),
}

/** Whether another rule already reports that the hook does not fit into the grace period. */
function hasSaidSo(pod: Pod): boolean {
  return pod.running.some(({ hook }) => hook?.seconds !== undefined && hook.seconds >= (pod.grace ?? Infinity))
}

const graceZero: Rule = {
  id: 'grace-zero',
  severity: 'error',
  severityReason: 'The pod is gone at once. 1 s is a warning, and for what nobody sends to it is an info.',
  title: 'A grace period of 0 or 1 s',
  why: 'With `terminationGracePeriodSeconds: 0` the pod is gone from the API at once while it still runs, so its name may be taken again. The kubelet treats 0 as 1: the hook is given up after 1 s, and SIGKILL comes 2 s after SIGTERM. That is no time to drain, and 1 s is none either.',
  check: eachPod((pod, report, world) => {
    const { number } = pod.gracePlace
    if (number === undefined || number >= least) return
    const { settle } = world.balancerOf(pod)
    report(pod.gracePlace, number === 1 ? '1 s is no time for a drain: podrain keeps 1 s in reserve' : noTime(pod), {
      // A daemon of a node often gets no requests, and may end at once.
      severity: !world.isAsked(pod) ? 'info' : number <= 0 ? 'error' : 'warning',
      fix: `${graceSecondsFor(settle) > 30 ? 'Take' : 'Remove it (30 s), or take'} ${graceSecondsFor(settle)} or more`,
    })
  }),
}

function noTime({ running }: Pod): string {
  return running.some(({ hook }) => hook !== undefined)
    ? 'The kubelet gives the hook 1 s at most, and SIGKILL comes 2 s after SIGTERM: no time to drain'
    : 'SIGKILL comes 2 s after SIGTERM, and the pod is gone from the API at once: no time to drain'
}

const graceVariableDiffers: Rule = {
  id: 'grace-variable',
  severity: 'error',
  severityReason:
    'The app plans with time that it does not have. With less than there is it is a warning: it only ends early.',
  title: `\`${graceVariable}\` is not what the pod's spec says`,
  why: 'A pod cannot read its own grace period, so podrain is told by this variable. If the variable says more than the spec, SIGKILL comes in the middle of the drain; if it says less, podrain cuts requests that had time left.',
  check: eachContainer((container, report) => {
    const { pod } = container
    const place = container.env(graceVariable)?.get('value')
    const text = place?.text
    if (place === undefined || text === undefined || !/^\d+(\.\d+)?$/.test(text)) return
    const told = Number(text)
    const { grace } = pod
    if (grace === undefined || told === grace) return
    report(
      place,
      told > grace
        ? `The app believes it has ${told} s, but ${pod.graceText}: SIGKILL comes ${told - grace} s before it is done`
        : `The app believes it has ${told} s, but ${pod.graceText}: it cuts requests ${grace - told} s early`,
      {
        severity: told > grace ? 'error' : 'warning',
        fix: `value: "${grace}"`,
        // If the values differ, the one in the pod's spec counts. Without one in the spec there is no edit, because the key may be misspelt.
        edits: told > grace && pod.gracePlace.number !== undefined ? replaceText(place, String(grace)) : undefined,
      },
    )
  }),
}

const graceUntold: Rule = {
  id: 'grace-untold',
  severity: 'warning',
  severityReason: 'The app may be told by an option.',
  title: 'A grace period that the app is not told of',
  why: 'podrain assumes 30 s unless its option `terminationGracePeriodSeconds` or the variable `TERMINATION_GRACE_PERIOD_SECONDS` says otherwise. If the pod’s spec says less, it is killed in the middle of the drain; if the spec says more, it cuts requests that had time left.',
  check: eachContainer((container, report) => {
    const { pod } = container
    const { grace = 0 } = pod
    if (!container.isPodrain || grace === 30 || grace <= 0) return
    if (container.env(graceVariable) !== undefined || container.place.get('envFrom').items.length > 0) return
    report(pod.gracePlace, `The app takes 30 s unless its option \`terminationGracePeriodSeconds\` says ${grace}`, {
      severity: grace < 30 ? 'warning' : 'info',
      fix: `env: [{ name: ${graceVariable}, value: "${pod.grace}" }]`,
    })
  }),
}

const behindVariableDiffers: Rule = {
  id: 'behind-variable',
  severity: 'error',
  severityReason:
    'podrain refuses to start with a preset that it does not have. A preset that waits for too short a time is a warning.',
  title: `\`${behindVariable}\` is not what sends to the pod`,
  why: 'podrain waits until the load balancer of this preset has stopped sending. If another load balancer sends to the pod and needs longer, requests come after the wait, and are refused.',
  check: eachContainer((container, report, world) => {
    const place = container.env(behindVariable)?.get('value')
    const told = container.environment.text(behindVariable)
    if (place === undefined || told === undefined) return
    if (!isBehind(told)) {
      report(place, `podrain has no preset \`${told}\`, and refuses to start`, {
        fix: `One of ${Object.keys(presets).join(', ')}`,
      })
      return
    }
    const balancer = world.balancerOf(container.pod)
    const { name, settle, because } = balancer
    const waits = waitOf(container, presets[told].settle)
    if (because === undefined || waits === undefined || waits >= settle) return
    report(
      place,
      `podrain waits ${seconds(waits)} behind \`${told}\`, but ${name} needs ${seconds(settle)} to stop sending: ${because}`,
      { severity: 'warning', fix: variableFor(balancer) },
    )
  }),
}

const behindUntold: Rule = {
  id: 'behind-untold',
  severity: 'info',
  severityReason:
    'The code of the app may have the option `behind`, which lint cannot see. `podrain lint --against URL` asks the app.',
  title: 'A load balancer that the app is not told of',
  why: `podrain waits 5 s unless its option \`behind\` or the variable \`${behindVariable}\` names what sends to the pod. A load balancer that needs longer goes on sending after these 5 s. A busy service notices that requests still come, and waits on. A service with few requests loses some.`,
  check: eachContainer((container, report, world) => {
    const { environment, pod } = container
    const isTold = [behindVariable, 'PODRAIN_OPTIONS'].some((name) => environment.get(name) !== undefined)
    if (!container.isPodrain || environment.hasOthers || isTold) return
    const balancer = world.balancerOf(pod)
    const { behind, name, settle, because } = balancer
    const waits = waitOf(container, presets['kube-proxy'].settle)
    if (because === undefined || waits === undefined || waits >= settle) return
    report(
      container.place,
      `podrain waits ${seconds(waits)} unless its option \`behind\` says \`${behind}\`, but ${name} needs ${seconds(settle)} to stop sending: ${because}`,
      { fix: `env: [${variableFor(balancer)}], unless the code says so` },
    )
  }),
}

/** The variable that makes podrain wait long enough. The nearest preset of a load balancer may wait for too short a time. */
function variableFor({ behind, settle }: Balancer): string {
  return presets[behind].settle >= settle
    ? `{ name: ${behindVariable}, value: ${behind} }`
    : `{ name: PODRAIN_SETTLE_MIN, value: "${settle}" }`
}

/** The least wait, in ms: the one that the manifest sets, or else the one that is given. undefined if the manifest does not show the value. */
function waitOf({ environment }: Container, usual: number): number | undefined {
  if (environment.get('PODRAIN_SETTLE_MIN') === undefined) return usual
  const set = Number(environment.text('PODRAIN_SETTLE_MIN') ?? Number.NaN)
  return Number.isNaN(set) ? undefined : set
}

const probeGrace: Rule = {
  id: 'probe-grace',
  severity: 'error',
  severityReason: 'On a readiness probe it is refused. On a liveness probe it is a warning: only when that fails.',
  title: 'A grace period of a probe that leaves no time',
  why: 'When the liveness or startup probe fails, its own `terminationGracePeriodSeconds` takes the place of the pod’s: the hook and the drain have to fit into that. A readiness probe may not have one.',
  check: eachContainer((container, report) => {
    const { pod, hook, place } = container
    const readiness = place.get('readinessProbe', 'terminationGracePeriodSeconds')
    if (readiness.exists) {
      report(readiness, 'A readiness probe kills nothing, so it may have no grace period: the API server refuses it', {
        fix: 'Move it to the livenessProbe, or remove it',
      })
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
        `After a failed liveness probe there are ${grace.number} s: hook ${took} s + closing ${seconds(closing)} + reserve ${seconds(reserve)} = ${seconds(took * 1000 + closing + reserve)}`,
        { severity: 'warning', fix: 'Raise it, or remove it: then it is the pod’s' },
      )
    }
  }),
}

const readinessSlow: Rule = {
  id: 'readiness-slow',
  severity: 'warning',
  severityReason: 'Only when a container is killed and its pod not deleted.',
  title: 'A readiness probe that is slower than the drain',
  why: 'When a liveness probe kills a container, the pod is not deleted, so only its readiness probe takes it out of the endpoints. That happens after `periodSeconds × failureThreshold`: 10 s × 3 by default, and the drain waits 5 s. (When a pod is deleted, it is out of the endpoints at once, whatever the probe says.)',
  check: eachContainer((container, report, world) => {
    const { pod } = container
    const probe = container.place.get('readinessProbe')
    if (!probe.exists || !container.isPodrain || !pod.isWhole) return
    const { period, failures } = timingOf(container)
    const { settle, behind, name } = world.balancerOf(pod)
    const noticed = period * failures
    if (behind === 'none' || noticed * 1000 <= settle) return
    const room = Math.max(1, settle / 1000)
    report(
      probe,
      `${period} s × ${failures} ${failures === 1 ? 'failure' : 'failures'} = ${noticed} s until the pod is out of the endpoints, but the drain waits ${seconds(settle)} (${name})`,
      { fix: `periodSeconds: 1, failureThreshold: ${Math.min(3, room)} (or any two whose product is at most ${room})` },
    )
  }),
}

/** Period and failures of the readiness probe, with the defaults of Kubernetes. */
function timingOf({ place }: Container): { period: number; failures: number } {
  const probe = place.get('readinessProbe')
  return { period: probe.get('periodSeconds').number ?? 10, failures: probe.get('failureThreshold').number ?? 3 }
}

const progressDeadline: Rule = {
  id: 'progress-deadline',
  severity: 'error',
  severityReason: '`minReadySeconds` that are as long are refused. A delay that is as long is a warning.',
  title: 'A rollout that is given up before a pod can be available',
  why: 'A Deployment reports failure when no pod becomes available for `progressDeadlineSeconds`, and pipelines then roll back. It has to be longer than `minReadySeconds` (or the API server refuses it), and longer than a pod takes to become ready and stay so.',
  check: eachPod((pod, report) => {
    if (pod.kind !== 'Deployment' && pod.kind !== 'Rollout') return
    const place = pod.resource.get('spec', 'progressDeadlineSeconds')
    const deadline = place.number ?? 600
    const settled = pod.resource.get('spec', 'minReadySeconds')
    const ready = settled.number ?? 0
    if (ready >= deadline) {
      report(
        place.exists ? place : settled,
        `\`progressDeadlineSeconds\` is ${deadline}, and \`minReadySeconds\` ${ready}: no pod can be available in time`,
        {
          fix: `progressDeadlineSeconds: ${ready + 600}`,
        },
      )
      return
    }
    const delays = pod.containers.map(
      ({ place: container }) => container.get('readinessProbe', 'initialDelaySeconds').number ?? 0,
    )
    const delay = Math.max(0, ...delays)
    if (delay + ready < deadline) return
    report(
      place.exists ? place : settled,
      `A pod is available after ${delay} s (\`initialDelaySeconds\`) + ${ready} s (\`minReadySeconds\`) at the earliest, and given up after ${deadline} s`,
      {
        severity: 'warning',
        fix: `progressDeadlineSeconds: ${delay + ready + 600}`,
      },
    )
  }),
}

export const timeRules: readonly Rule[] = [
  hookOutlastsGrace,
  hookLeavesLittle,
  hookShorterThanSettle,
  graceMissesSettle,
  graceZero,
  graceVariableDiffers,
  graceUntold,
  behindVariableDiffers,
  behindUntold,
  probeGrace,
  readinessSlow,
  progressDeadline,
]
