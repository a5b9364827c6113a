import type { IRole } from 'kubernetes-models/rbac.authorization.k8s.io/v1/Role'
import type { Case } from './cases.js'
import { followingRules } from './objects.js'

/** A permission that the account needs. */
export interface Permission {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly subresource?: string
  readonly isClusterWide?: boolean
}

function all(verbs: string[], group: string, resources: string[], isClusterWide = false): Permission[] {
  return resources.flatMap((each) => {
    const [resource = '', subresource] = each.split('/')
    return verbs.map((verb) => ({ verb, group, resource, ...(subresource && { subresource }), isClusterWide }))
  })
}

/** The permissions for the sweep and for every case. */
const always = [
  ...all(['create', 'delete', 'list', 'patch'], '', ['namespaces'], true),
  ...all(['create'], '', ['configmaps', 'serviceaccounts', 'services']),
  ...all(['create'], 'networking.k8s.io', ['networkpolicies']),
  ...all(['create'], 'policy', ['poddisruptionbudgets']),
  ...all(['create', 'get'], 'batch', ['jobs']),
  ...all(['list', 'watch'], '', ['pods']),
  ...all(['get'], '', ['pods/log']),
  ...all(['list'], '', ['events']),
]

/** All permissions that these cases need. */
export function permissionsFor(cases: readonly Case[]): Permission[] {
  const some = (is: (each: Case) => boolean, permissions: () => Permission[]): Permission[] =>
    cases.some(is) ? permissions() : []
  return [
    ...always,
    ...some(
      ({ workload }) => workload === 'Deployment',
      () => all(['create', 'get', 'patch'], 'apps', ['deployments']),
    ),
    ...some(
      ({ workload }) => workload === 'StatefulSet',
      () => all(['create', 'get', 'patch'], 'apps', ['statefulsets']),
    ),
    ...some(
      ({ happening }) => happening === 'node drain',
      () => [...all(['create'], '', ['pods/eviction']), ...all(['list', 'patch'], '', ['nodes'], true)],
    ),
    ...some(
      ({ happening }) => happening === 'deletion with a short grace period',
      () => all(['delete'], '', ['pods']),
    ),
    // An account can grant only permissions that it has: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
    ...some(
      ({ following }) => following === 'allowed',
      () => [
        ...all(['create'], 'rbac.authorization.k8s.io', ['roles', 'rolebindings']),
        ...(followingRules() as NonNullable<IRole['rules']>).flatMap(({ verbs, apiGroups = [], resources = [] }) =>
          apiGroups.flatMap((group) => all(verbs, group, resources)),
        ),
      ],
    ),
  ]
}

/** A permission as an argument of `kubectl auth can-i`, such as `create deployments.apps`. */
export function nameOf({ verb, group, resource, subresource }: Permission): string {
  return `${verb} ${resource}${group && `.${group}`}${subresource ? `/${subresource}` : ''}`
}
