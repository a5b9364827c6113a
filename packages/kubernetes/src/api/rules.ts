/** The RBAC rule that each kind of request needs. The manifests rbac*.yaml have the same rules. */
const rules = {
  pod: { apiGroup: '""', resource: 'pods', verbs: 'watch' },
  slices: { apiGroup: 'discovery.k8s.io', resource: 'endpointslices', verbs: 'list' },
  services: { apiGroup: '""', resource: 'services', verbs: 'get' },
  evictions: { apiGroup: 'lifecycle.k8s.io', resource: 'evictions, evictions/status', verbs: 'get, watch, patch' },
  annotations: { apiGroup: '""', resource: 'pods', verbs: 'patch' },
} as const

export type Need = keyof typeof rules

/** For each kind of request: the behaviour without the permission. */
export const without: Readonly<Record<Need, string>> = {
  pod: 'a drain begins with the hook or the signal, and relies on the option `terminationGracePeriodSeconds`',
  slices: 'a drain waits for load balancers as long as `settle.min` says',
  services:
    'podrain takes their traffic policies to be `Local`: a ready pod on another node does not end the wait for load balancers early',
  evictions: 'the pod is evicted like any other',
  annotations: 'the annotations are not written',
}

/** The log line about a missing rule. It contains the rule in YAML, to be added to a Role. */
export function missingRule(need: Need, namespace: string): string {
  const { apiGroup, resource, verbs } = rules[need]
  return (
    `kubernetes: not allowed to ${verbs} ${resource} in namespace ${namespace}, so ${without[need]}. ` +
    `Add this to a Role of the pod's service account:\n` +
    `rules:\n  - apiGroups: [${apiGroup}]\n    resources: [${resource}]\n    verbs: [${verbs}]`
  )
}
