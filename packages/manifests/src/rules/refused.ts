import { type Container, podsOf, probes } from '../objects/pod.js'
import type { Resource } from '../objects/resource.js'
import { replaceText, replaceValue } from '../text/edits.js'
import type { Place } from '../text/place.js'
import { isFilledIn } from '../text/placeholder.js'
import type { Problem } from './problem.js'

/** What the API server refuses although the schema allows it: numbers in quotes, and values that exclude each other. */
export function refusedIn(resource: Resource): Problem[] {
  const pods = podsOf(resource).filter((pod) => pod.isOfKnownKind)
  const containers = pods.flatMap((pod) => [...pod.containers, ...pod.initContainers])
  return [
    ...amountsIn(resource).flatMap((place) => quoted(place, 'a percentage, which needs a %')),
    ...[...targetPortsIn(resource), ...containers.flatMap(portsIn)].flatMap((place) =>
      quoted(place, 'the name of a port, which needs a letter'),
    ),
    ...containers.flatMap(probesIn),
    ...containers.flatMap(restartOf),
    ...strategyOf(resource),
    ...boundsOf(resource),
  ]
}

/** The places that take a number or a percentage. */
function amountsIn(resource: Resource): Place[] {
  const budget = resource.get('spec')
  if (resource.kind === 'PodDisruptionBudget') return [budget.get('minAvailable'), budget.get('maxUnavailable')]
  const strategy = { Deployment: 'strategy', DaemonSet: 'updateStrategy' }[resource.kind]
  if (strategy === undefined) return []
  const rolling = resource.get('spec', strategy, 'rollingUpdate')
  return [rolling.get('maxSurge'), rolling.get('maxUnavailable')]
}

/** The places that take a number or a name. */
function targetPortsIn(resource: Resource): Place[] {
  if (resource.kind !== 'Service') return []
  return resource.get('spec', 'ports').items.map((port) => port.get('targetPort'))
}

function portsIn({ place }: Container): Place[] {
  const handlers = [
    ...probes.map((name) => place.get(name)),
    place.get('lifecycle', 'preStop'),
    place.get('lifecycle', 'postStart'),
  ]
  return handlers.flatMap((handler) => [handler.get('httpGet', 'port'), handler.get('tcpSocket', 'port')])
}

function quoted(place: Place, read: string): Problem[] {
  const { text } = place
  if (text === undefined || !/^(0|[1-9]\d*)$/.test(text)) return []
  return [
    {
      rule: 'wrong-type',
      place,
      message: `\`${place.path}\` is a number in quotes. Kubernetes reads it as ${read}: the API server refuses it`,
      details: { fix: `Without quotes: ${text}`, edits: replaceValue(place, text) },
    },
  ]
}

function probesIn({ place }: Container): Problem[] {
  return probes.flatMap((name) => {
    const probe = place.get(name)
    // In a patch, `null` removes a handler.
    const handlers = ['exec', 'httpGet', 'tcpSocket', 'grpc'].filter((each) => (probe.get(each).value ?? null) !== null)
    const successes = probe.get('successThreshold')
    const problems: Problem[] = []
    if (handlers.length > 1) {
      problems.push({
        rule: 'wrong-value',
        place: probe,
        message: `A probe has one handler, not ${handlers.join(' and ')}: the API server refuses it`,
        details: { fix: 'Keep one of them. In a patch, remove the handler of the base: `tcpSocket: null`' },
      })
    }
    if (name !== 'readinessProbe' && (successes.number ?? 0) > 1) {
      problems.push({
        rule: 'wrong-value',
        place: successes,
        message: `\`successThreshold\` of a ${name} can only be 1, got ${successes.number}: the API server refuses it`,
        details: { fix: 'Remove it' },
      })
    }
    return problems
  })
}

const restarts = ['Always', 'OnFailure', 'Never']

/** A misspelt `restartPolicy`, such as `always`, which does not make a sidecar. */
function restartOf({ place: container }: Container): Problem[] {
  const place = container.get('restartPolicy')
  const { text } = place
  if (text === undefined || restarts.includes(text) || isFilledIn(text)) return []
  const meant = restarts.find((each) => each.toLowerCase() === text.toLowerCase())
  return [
    {
      rule: 'wrong-value',
      place,
      message: `\`${place.path}\` has to be Always, got \`${text}\`: the API server refuses it`,
      details: meant === undefined ? {} : { fix: `Write ${meant}`, edits: replaceText(place, meant) },
    },
  ]
}

function strategyOf(resource: Resource): Problem[] {
  const strategy = resource.get('spec', 'strategy')
  const rolling = strategy.get('rollingUpdate')
  if (resource.kind !== 'Deployment' || strategy.get('type').text !== 'Recreate') return []
  if ((rolling.value ?? null) === null) return []
  return [
    {
      rule: 'wrong-value',
      place: rolling,
      message: '`rollingUpdate` is not allowed with `type: Recreate`: the API server refuses both together',
      details: { fix: 'Remove one of the two; in a patch to Recreate: `rollingUpdate: null`' },
    },
  ]
}

function boundsOf(resource: Resource): Problem[] {
  if (resource.kind !== 'HorizontalPodAutoscaler') return []
  const least = resource.get('spec', 'minReplicas')
  const most = resource.get('spec', 'maxReplicas').number
  if (least.number === undefined || most === undefined || least.number <= most) return []
  return [
    {
      rule: 'wrong-value',
      place: least,
      message: `\`minReplicas\` ${least.number} is more than \`maxReplicas\` ${most}: the API server refuses it`,
      details: { fix: `maxReplicas: ${least.number} or more` },
    },
  ]
}
