import type { Pod } from '../objects/pod.js'
import { type Resource, sameNamespace, textsOf } from '../objects/resource.js'
import { addTo } from '../shared/lists.js'
import { isFilledIn } from '../text/placeholder.js'

/** Labels that controllers add to pods, and that are in no template. */
const given =
  /^(statefulset\.kubernetes\.io\/pod-name|apps\.kubernetes\.io\/pod-index|pod-template-hash|rollouts-pod-template-hash|controller-revision-hash|batch\.kubernetes\.io\/.*|job-name|role|.*\/role|.*\/instanceRole)$/

/** Labels that name the application of a pod. */
const saysApp = /(^|\/)(app|name|k8s-app)$/

/** Returns a function that finds the pod probably meant by a Service whose selector selects none: one of the same name or application. */
export function strayedOf(pods: readonly Pod[]): (service: Resource) => Pod | undefined {
  const candidates = new Map<string, Pod[]>()
  for (const pod of pods) {
    if (pod.isJob || !pod.isWhole) continue
    const labels = Object.entries(pod.labels).filter(([name]) => saysApp.test(name))
    for (const key of [pod.resource.name, ...labels.map(([name, value]) => `${name}=${value}`)]) {
      addTo(candidates, key, pod)
    }
  }
  return (service) => {
    const wanted = textsOf(service.get('spec', 'selector'))
    const entries = Object.entries(wanted)
    if (service.apiVersion !== 'v1' || entries.length === 0 || entries.flat().some(isFilledIn)) return undefined
    if (entries.some(([name]) => given.test(name))) return undefined
    return [service.name, ...entries.map(([name, value]) => `${name}=${value}`)]
      .flatMap((key) => candidates.get(key) ?? [])
      .find(
        ({ resource, labels }) =>
          sameNamespace(resource, service) && (resource.name === service.name || isSameApp(wanted, labels)),
      )
  }
}

/** Whether a label names the pod's application, and no label differs. Otherwise another component is meant. */
function isSameApp(wanted: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(wanted)
  return (
    names.some((name) => saysApp.test(name) && labels[name] === wanted[name]) &&
    names.every((name) => labels[name] === undefined || labels[name] === wanted[name])
  )
}
