import { isBehind } from '../objects/pod.js'
import { behindVariable, graceVariable, presets, seconds } from '../shared/budget.js'
import { replaceText } from '../text/edits.js'
import { mayBeFilledIn } from '../text/placeholder.js'
import { behindAnnotation, leastWaitFor, variableFor } from '../world/balancer.js'
import { eachContainer, eachPod, type Rule } from './rule.js'

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
    'podrain refuses to start with a value that it does not accept. A wait that is too short is a warning.',
  title: `\`${behindVariable}\` or another variable of podrain that does not fit the load balancer of the pod`,
  why: 'podrain waits until the load balancer that its variables name has stopped routing to the pod, or as long as they say. If the load balancer of the pod needs longer, requests come after the wait, and are refused. podrain does not start with a preset or a number that it cannot read.',
  check: eachContainer((container, report, world) => {
    const { refused, settle: waits, setBy, hasMin, believed } = world.drainVariablesOf(container)
    for (const { place, message, fix } of refused) report(place, message, { fix })
    if (refused.length > 0 || waits === undefined || setBy === undefined || !world.mayBeAsked(container)) return
    const balancer = world.balancerOf(container.pod)
    const { name, because = 'a Service selects it' } = balancer
    const needed = leastWaitFor(balancer)
    if (waits >= needed) return
    const told = hasMin || believed === undefined ? '' : ` behind \`${believed.behind}\``
    report(
      setBy,
      `podrain waits ${seconds(waits)}${told}, but ${name} needs ${seconds(needed)} to stop routing to the pod: ${because}`,
      { severity: 'warning', fix: variableFor(balancer, hasMin) },
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
    const { settle: waits, setBy } = world.drainVariablesOf(container)
    if (!container.isPodrain || setBy !== undefined || waits === undefined || !world.mayBeAsked(container)) return
    const balancer = world.balancerOf(container.pod)
    const { behind, name, settle, because } = balancer
    if (because === undefined || waits >= settle) return
    report(
      container.place,
      `podrain waits ${seconds(waits)} unless its option \`behind\` is \`${behind}\`, but ${name} needs ${seconds(settle)} to stop routing to the pod: ${because}`,
      { fix: `env: [${variableFor(balancer, false)}], unless the code sets the option` },
    )
  }),
}

const behindAnnotationUnknown: Rule = {
  id: 'behind-annotation',
  severity: 'warning',
  severityReason: 'The files may show the load balancer as well.',
  title: `An annotation \`${behindAnnotation}\` that names no preset`,
  why: `The annotation tells lint and the rehearsal which load balancer routes to the pod. They pass over a name that is not one of podrain’s presets, and may then take the load balancer for a faster one.`,
  check: eachPod((pod, report) => {
    const told = pod.annotation(behindAnnotation)
    if (told === undefined || isBehind(told) || mayBeFilledIn(told)) return
    report(pod.annotationPlace(behindAnnotation), `\`${told}\` is no preset of podrain, and is passed over`, {
      fix: `Write one of ${Object.keys(presets).join(', ')}`,
    })
  }),
}

export const optionRules: readonly Rule[] = [
  graceVariableDiffers,
  graceUntold,
  behindVariableDiffers,
  behindUntold,
  behindAnnotationUnknown,
]
