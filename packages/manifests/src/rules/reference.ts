import { distance } from 'fastest-levenshtein'
import type { Pod } from '../objects/pod.js'
import { type Resource, sameNamespace, textsOf } from '../objects/resource.js'
import { isSelected, shownLabels, writtenLabels } from '../objects/selector.js'
import type { Place } from '../text/place.js'
import { isFilledIn } from '../text/placeholder.js'
import { backendsOf, gatewayRoutes } from '../world/routes.js'
import type { World } from '../world/world.js'
import { each, eachPod, type Rule } from './rule.js'

const selectorMismatch: Rule = {
  id: 'selector-mismatch',
  severity: 'error',
  severityReason: 'The API server refuses the object.',
  title: 'A selector that does not select the pods of its own template',
  why: 'A Deployment, StatefulSet, DaemonSet or ReplicaSet finds its pods by `spec.selector`. The API server refuses the object if its pod template does not have these labels: “selector does not match template labels”.',
  check: eachPod((pod, report) => {
    if (!['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'].includes(pod.kind) || !pod.isWhole) return
    if (pod.resource.group === 'extensions') return
    const selector = pod.resource.get('spec', 'selector')
    const { labels } = pod
    // Without metadata the pod is most likely misplaced, and another rule reports that.
    if (!selector.exists || !pod.template.get('metadata').exists) return
    if (isUnknown(selector, pod) || isSelected(selector, labels)) return
    report(
      selector,
      `The selector requires ${asked(selector)}, but the pod template has ${shownLabels(labels)}: the API server refuses the object`,
      { fix: 'Write the same labels in `spec.template.metadata.labels`' },
    )
  }),
}

/** Whether the selector or the labels contain a placeholder. */
function isUnknown(selector: Place, pod: Pod): boolean {
  const wanted = selector.get('matchExpressions').items.flatMap((each) => each.get('values').texts)
  return [wanted, ...Object.entries(textsOf(selector.get('matchLabels'))), ...Object.entries(pod.labels)]
    .flat()
    .some(isFilledIn)
}

/** A selector as text: `app: web, tier In (front, back)`. */
function asked(selector: Place): string {
  const labels = writtenLabels(textsOf(selector.get('matchLabels')))
  const expressions = selector.get('matchExpressions').items.map((each) => {
    const values = each.get('values').texts
    return [
      each.get('key').text,
      each.get('operator').text,
      ...(values.length > 0 ? [`(${values.join(', ')})`] : []),
    ].join(' ')
  })
  return `\`${[...(labels === '' ? [] : [labels]), ...expressions].join(', ')}\``
}

const serviceSelectsNothing: Rule = {
  id: 'service-selects-nothing',
  severity: 'warning',
  severityReason: 'The pods may be in other files.',
  title: 'A Service whose selector selects no pod',
  why: 'A Service routes to the pods that have all labels of its selector. Without such a pod every request to the Service is refused, and Kubernetes reports no error. lint reports a Service only if the files have a pod that is most likely meant, because other pods may be in other files.',
  check: each(['Service'], (service, report, world) => {
    const meant = world.meantBy(service)
    if (meant === undefined) return
    report(
      service.get('spec', 'selector'),
      `The selector matches no pod in these files: the pods of ${meant.resource.label} have ${shownLabels(meant.labels)}`,
      { fix: 'Write the labels of the pod template' },
    )
  }),
}

const routeLeadsNowhere: Rule = {
  id: 'route-leads-nowhere',
  severity: 'warning',
  severityReason: 'The Service may be in other files.',
  title: 'An Ingress or a route to a Service or a port that does not exist',
  why: 'The load balancer has no endpoint for such a route: it answers 503 for an Ingress, and 500 for a route of the Gateway API. lint reports a route only if the files have a Service that is most likely meant, because other Services may be in other files.',
  check: (world, report) => {
    if (!world.isComplete) return
    for (const kind of ['Ingress', ...gatewayRoutes]) {
      for (const route of world.kind(kind)) for (const backend of backendsOf(route)) look(route, backend, world, report)
    }
  },
}

function look(
  route: Resource,
  { name, namespace, port, place }: ReturnType<typeof backendsOf>[number],
  world: World,
  report: Parameters<Rule['check']>[1],
): void {
  if (name.includes('${') || name === '') return
  const [service] = world.named('Service', name, route, namespace ?? route.namespace)
  if (service === undefined) {
    // A Service in another namespace is most often in other files.
    if (namespace !== undefined && namespace !== route.namespace) return
    const meant = nearestOf(name, world.kind('Service'), route) ?? serviceOfWorkload(name, world, route)
    if (meant === undefined) return
    report(place, `There is no Service \`${name}\` in these files; ${meant}`, {
      fix: 'Write the name of a Service in the namespace of the route',
    })
    return
  }
  const ports = service.get('spec', 'ports').items
  // The actions of an ALB are not ports. A Service without ports is an alias.
  if (port === undefined || port === 'use-annotation' || ports.length === 0) return
  const has = ports.some((each) => each.get('port').value === port || each.get('name').text === port)
  if (has || ports.some((each) => each.get('port').number === undefined)) return
  const names = ports.map((each) => [each.get('port').value, each.get('name').text].filter(Boolean).join(' '))
  report(
    place,
    `${service.label} has no port ${port}; ${names.length === 1 ? 'its port is' : 'its ports are'} ${names.join(', ')}`,
    {
      fix: 'Write the `port` of the Service, not its `targetPort`',
    },
  )
}

/** A clause that names the resource with nearly that name; undefined if there is none. `web-1` and `web-2` are different names. */
function nearestOf(name: string, resources: readonly Resource[], near: Resource): string | undefined {
  const plain = (text: string) => text.replace(/-(svc|service)$/, '')
  const withoutDigits = (text: string) => text.replace(/\d+/g, '')
  const allowed = name.length < 3 ? 0 : name.length < 5 ? 1 : 2
  const meant = resources.find(
    (each) =>
      sameNamespace(each, near) &&
      (plain(each.name) === plain(name) ||
        (distance(each.name, name) <= allowed && withoutDigits(each.name) !== withoutDigits(name))),
  )
  return meant && `there is \`${meant.name}\``
}

function serviceOfWorkload(name: string, world: World, near: Resource): string | undefined {
  const workload = ['Deployment', 'StatefulSet', 'Rollout'].flatMap((kind) => world.named(kind, name, near))[0]
  return workload && `there is only ${workload.label}, which needs a Service to be reached`
}

const scalerLeadsNowhere: Rule = {
  id: 'scaler-leads-nowhere',
  severity: 'warning',
  severityReason: 'The target may be in other files, and a missing target alone loses no request.',
  title: 'An autoscaler whose target does not exist',
  why: 'The autoscaler scales nothing: the number of pods stays the same under any load. lint reports an autoscaler only if the files have a workload that is most likely meant, because other workloads may be in other files.',
  check: each(['HorizontalPodAutoscaler', 'ScaledObject'], (scaler, report, world) => {
    const target = scaler.get('spec', 'scaleTargetRef')
    const name = target.get('name').text
    const kind = target.get('kind').text ?? 'Deployment'
    if (!world.isComplete || name === undefined || name.includes('${') || !scaled.has(kind)) return
    if (world.named(kind, name, scaler).length > 0) return
    const [other] = [...scaled].flatMap((each) => world.named(each, name, scaler))
    const meant = other === undefined ? nearestOf(name, world.kind(kind), scaler) : `there is ${other.label}`
    if (meant === undefined) return
    report(target.get(other === undefined ? 'name' : 'kind'), `There is no ${kind}/${name} in these files; ${meant}`, {
      fix: 'Write the kind and the name of a workload in the namespace of the autoscaler',
    })
  }),
}

/** The kinds that autoscalers scale. */
const scaled: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet', 'ReplicaSet', 'Rollout', 'CloneSet'])

export const referenceRules: readonly Rule[] = [
  selectorMismatch,
  serviceSelectsNothing,
  routeLeadsNowhere,
  scalerLeadsNowhere,
]
