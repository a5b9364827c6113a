import { isMap, isScalar, isSeq, type YAMLMap } from 'yaml'
import { keyOf } from '../text/place.js'
import type { Resource } from './resource.js'

type Way = readonly (string | number)[]

/** API groups whose objects list containers but create no pods: policies and tests. */
const aboutOthers = /(^|\.)(kyverno\.io|gatekeeper\.sh|kuttl\.dev|kubewarden\.io)$/

/** The paths of pod specs in an object of an unknown kind: maps with a list `containers` whose items have a name or an image. */
export function podSpecsIn(resource: Resource): Way[] {
  const { group, place } = resource
  // The kinds of Kubernetes itself that create pods are known.
  if (!group.includes('.') || group.endsWith('.k8s.io') || aboutOthers.test(group)) return []
  const ways: Way[] = []
  const look = (node: unknown, way: Way) => {
    if (way.length > 12) return
    if (isMap(node)) {
      if (hasContainers(node)) ways.push(way)
      else for (const pair of node.items) look(pair.value, [...way, keyOf(pair)])
    } else if (isSeq(node)) {
      node.items.forEach((item, index) => {
        look(item, [...way, index])
      })
    }
  }
  look(place.get('spec').node, ['spec'])
  return ways
}

function hasContainers(map: YAMLMap): boolean {
  const containers = map.items.find((pair) => keyOf(pair) === 'containers')?.value
  return isSeq(containers) && containers.items.length > 0 && containers.items.every(isContainer)
}

function isContainer(node: unknown): boolean {
  return isMap(node) && node.items.some((pair) => /^(name|image)$/.test(keyOf(pair)) && isScalar(pair.value))
}
