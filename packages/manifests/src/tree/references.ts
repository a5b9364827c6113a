import { itemsOf, type Part, partAt, textAt } from './graft.js'

/** A place where an object contains the name of another one. */
export interface Reference {
  readonly kind: string
  readonly way: readonly string[]
}

/**
 * The names in an object that kustomize changes when the named object is renamed. Only those that matter for routing to pods.
 * Source: kustomize, api/internal/konfig/builtinpluginconsts/namereference.go.
 */
export function referencesOf(object: Part): Reference[] {
  switch (textAt(object, 'kind')) {
    case 'Ingress':
      return backendsOf(object).flatMap((way) => [
        { kind: 'Service', way: [...way, 'service', 'name'] },
        { kind: 'Service', way: [...way, 'serviceName'] },
      ])
    case 'StatefulSet':
      return [{ kind: 'Service', way: ['spec', 'serviceName'] }]
    case 'HorizontalPodAutoscaler': {
      const kind = textAt(object, 'spec', 'scaleTargetRef', 'kind')
      return kind === undefined ? [] : [{ kind, way: ['spec', 'scaleTargetRef', 'name'] }]
    }
    default:
      return []
  }
}

function backendsOf(ingress: Part): string[][] {
  const each = (way: readonly string[]) => {
    const list = partAt(ingress, way)
    return list === undefined ? [] : itemsOf(list).map((_, index) => [...way, String(index)])
  }
  const paths = each(['spec', 'rules']).flatMap((rule) => each([...rule, 'http', 'paths']))
  return [...paths.map((path) => [...path, 'backend']), ['spec', 'defaultBackend'], ['spec', 'backend']]
}
