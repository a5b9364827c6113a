import { stringify } from 'yaml'

/** Options of {@link writeDefaultingPolicy}. */
export interface DefaultingOptions {
  /** The name of the ConfigMap, in each namespace, with the variables that all services share. @default 'podrain-defaults' */
  readonly configMap?: string
}

const label = 'podrain/defaults'
const name = 'podrain-defaults'

/** A part of the patch: the operations, if the condition is true. */
function when(condition: string, ...operations: readonly string[]): string {
  return `(${condition} ? [${operations.join(', ')}] : [])`
}

function add(path: string, value: string): string {
  return `JSONPatch{op: 'add', path: variables.path + '${path}', value: ${value}}`
}

const variable = 'TERMINATION_GRACE_PERIOD_SECONDS'
const hook = "{'httpGet': {'path': dyn('/prestop'), 'port': dyn(variables.ports[0])}}"
const probe =
  "{'httpGet': dyn({'path': dyn('/readyz'), 'port': dyn(variables.ports[0])}), 'periodSeconds': dyn(1), 'failureThreshold': dyn(3)}"

/**
 * Operations on the container, in their order: a list must exist before an item is added to it. In CEL all values of a map must have
 * one type, hence `dyn`.
 */
function operations(configMap: string): string {
  return [
    when('!variables.c.?env.hasValue()', add('/env', '[]')),
    when(
      `!variables.env.exists(e, e.name == '${variable}')`,
      add('/env/-', `{'name': '${variable}', 'value': string(variables.grace)}`),
    ),
    when('!variables.c.?envFrom.hasValue()', add('/envFrom', '[]')),
    when(
      `!variables.c.?envFrom.orValue([]).exists(e, e.?configMapRef.?name.orValue('') == '${configMap}')`,
      add('/envFrom/-', `{'configMapRef': {'name': dyn('${configMap}'), 'optional': dyn(true)}}`),
    ),
    when('variables.isHooked && !variables.c.?lifecycle.hasValue()', add('/lifecycle', '{}')),
    when('variables.isHooked', add('/lifecycle/preStop', hook)),
    when('variables.isProbed', add('/readinessProbe', probe)),
  ].join(' +\n')
}

/** Variables of the policy. The container is the one that an annotation names, or else the first; none if no container has that name. */
const variables = [
  {
    name: 'named',
    expression:
      "object.?metadata.?annotations[?'podrain/container'].orValue(object.?metadata.?annotations[?'kubectl.kubernetes.io/default-container'].orValue(object.spec.containers[0].name))",
  },
  {
    name: 'index',
    expression:
      '[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].filter(i, i < object.spec.containers.size() && object.spec.containers[i].name == variables.named)',
  },
  { name: 'c', expression: 'object.spec.containers[variables.index[0]]' },
  { name: 'path', expression: "'/spec/containers/' + string(variables.index[0])" },
  { name: 'grace', expression: 'object.spec.?terminationGracePeriodSeconds.orValue(30)' },
  { name: 'env', expression: 'variables.c.?env.orValue([])' },
  // The port named `http` comes first.
  {
    name: 'ports',
    expression:
      "variables.c.?ports.orValue([]).filter(p, p.?name.orValue('') == 'http').map(p, p.containerPort) + variables.c.?ports.orValue([]).map(p, p.containerPort)",
  },
  // An app whose endpoints are moved needs its own hook and probes.
  {
    name: 'isUsual',
    expression:
      "variables.ports.size() > 0 && !variables.env.exists(e, e.name.startsWith('PODRAIN_ENDPOINTS_') || e.name in ['PODRAIN_CONTROL_PORT', 'PODRAIN_OPTIONS'])",
  },
  // In a pod with `hostNetwork` the kubelet finds no host for a hook. With a token, this hook would be refused.
  {
    name: 'isHooked',
    expression:
      "variables.isUsual && !variables.c.?lifecycle.?preStop.hasValue() && !object.spec.?hostNetwork.orValue(false) && !variables.env.exists(e, e.name == 'PODRAIN_TOKEN')",
  },
  { name: 'isProbed', expression: 'variables.isUsual && !variables.c.?readinessProbe.hasValue()' },
]

/**
 * Writes a MutatingAdmissionPolicy with its bindings. It adds variables, hook and readiness probe to new pods that have none of their
 * own, if the pod or its namespace has the label `podrain/defaults: "true"`. It needs Kubernetes 1.36.
 * Source: https://www.kubernetes.dev/resources/keps/3962/
 * @returns The YAML text.
 * @throws {RangeError} that names the option, the value and what was expected.
 */
export function writeDefaultingPolicy({ configMap = name }: DefaultingOptions = {}): string {
  if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(configMap)) {
    throw new RangeError(`Expected \`configMap\` to be the name of a ConfigMap, got \`${configMap}\``)
  }
  const selector = { matchLabels: { [label]: 'true' } }
  const objects = [
    policy(configMap),
    binding('namespaces', { namespaceSelector: selector }),
    binding('pods', { objectSelector: selector }),
  ]
  return `# Written by podrain policy --defaults. For pods, or all pods of a namespace, with the label ${label}: "true"; a pod says "false" to be left out.
# In each of these namespaces: kubectl create configmap ${configMap} --from-literal=PODRAIN_BEHIND=traefik
${objects.map((object) => stringify(object, { lineWidth: 0 })).join('---\n')}`
}

function policy(configMap: string): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingAdmissionPolicy',
    metadata: { name },
    spec: {
      // A pod for which the policy fails is created unchanged.
      failurePolicy: 'Ignore',
      // After other policies have added containers, the first one may be a sidecar.
      reinvocationPolicy: 'Never',
      matchConstraints: {
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
      },
      matchConditions: [
        { name: 'not-refused', expression: `object.?metadata.?labels[?'${label}'].orValue('') != 'false'` },
      ],
      variables,
      mutations: [
        {
          patchType: 'JSONPatch',
          jsonPatch: { expression: `variables.index.size() == 0 ? [] :\n${operations(configMap)}\n` },
        },
      ],
    },
  }
}

function binding(of: string, matchResources: object): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingAdmissionPolicyBinding',
    metadata: { name: `${name}-${of}` },
    spec: { policyName: name, matchResources },
  }
}
