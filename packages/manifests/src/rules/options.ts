import { type Container, isBehind } from '../objects/pod.js'
import { behindVariable, graceVariable, presets, seconds } from '../shared/budget.js'
import { replaceText } from '../text/edits.js'
import type { Balancer } from '../world/balancer.js'
import { eachContainer, type Rule } from './rule.js'

const graceVariableDiffers: Rule = {
  id: 'grace-variable',
  severity: 'error',
  severityReason:
    'With too great a value the app plans with time that it does not have. Too small a value is a warning: the app only closes early.',
  title: `\`${graceVariable}\` differs from the grace period of the pod`,
  why: 'A pod cannot read its own grace period, so this variable has to say it. If the variable says more than the pod’s spec, SIGKILL comes in the middle of the drain. If the variable says less, podrain cuts requests that had time left.',
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
        ? `podrain assumes ${told} s, but ${pod.graceText}: SIGKILL comes ${told - grace} s before the end of the drain`
        : `podrain assumes ${told} s, but ${pod.graceText}: it cuts requests ${grace - told} s early`,
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
  severityReason: 'The code of the app may set the option `terminationGracePeriodSeconds`.',
  title: 'A grace period that the app does not know',
  why: 'podrain assumes 30 s unless its option `terminationGracePeriodSeconds` or the variable `TERMINATION_GRACE_PERIOD_SECONDS` says otherwise. If the pod’s spec says less, SIGKILL comes in the middle of the drain. If the spec says more, podrain cuts requests that had time left.',
  check: eachContainer((container, report) => {
    const { pod } = container
    const { grace = 0 } = pod
    if (!container.isPodrain || grace === 30 || grace <= 0) return
    if (container.env(graceVariable) !== undefined || container.place.get('envFrom').items.length > 0) return
    report(
      pod.gracePlace,
      `podrain assumes a grace period of 30 s unless its option \`terminationGracePeriodSeconds\` is ${grace}`,
      {
        severity: grace < 30 ? 'warning' : 'info',
        fix: `env: [{ name: ${graceVariable}, value: "${pod.grace}" }]`,
      },
    )
  }),
}

const behindVariableDiffers: Rule = {
  id: 'behind-variable',
  severity: 'error',
  severityReason:
    'podrain refuses to start with a preset that it does not have. A preset that waits for too short a time is a warning.',
  title: `\`${behindVariable}\` differs from the load balancer of the pod`,
  why: 'podrain waits until the load balancer of this preset has stopped routing to the pod. If another load balancer routes to the pod and needs longer, requests come after the wait, and are refused.',
  check: eachContainer((container, report, world) => {
    const place = container.env(behindVariable)?.get('value')
    const told = container.environment.text(behindVariable)
    if (place === undefined || told === undefined) return
    if (!isBehind(told)) {
      report(place, `podrain has no preset \`${told}\`, and refuses to start`, {
        fix: `Write one of ${Object.keys(presets).join(', ')}`,
      })
      return
    }
    const balancer = world.balancerOf(container.pod)
    const { name, settle, because } = balancer
    const waits = waitOf(container, presets[told].settle)
    if (because === undefined || waits === undefined || waits >= settle) return
    report(
      place,
      `podrain waits ${seconds(waits)} behind \`${told}\`, but ${name} needs ${seconds(settle)} to stop routing to the pod: ${because}`,
      { severity: 'warning', fix: variableFor(balancer) },
    )
  }),
}

const behindUntold: Rule = {
  id: 'behind-untold',
  severity: 'info',
  severityReason:
    'The code of the app may set the option `behind`, which lint cannot see. `podrain lint --against URL` asks the app.',
  title: 'A load balancer that the app does not know',
  why: `podrain waits 5 s unless its option \`behind\` or the variable \`${behindVariable}\` names the load balancer. A load balancer that needs longer still routes to the pod after these 5 s. podrain waits longer while requests keep coming, so a busy service loses none. A service with few requests loses some.`,
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
      `podrain waits ${seconds(waits)} unless its option \`behind\` is \`${behind}\`, but ${name} needs ${seconds(settle)} to stop routing to the pod: ${because}`,
      { fix: `env: [${variableFor(balancer)}], unless the code sets the option` },
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

export const optionRules: readonly Rule[] = [graceVariableDiffers, graceUntold, behindVariableDiffers, behindUntold]
