import { stringify } from 'yaml'
import type { Severity } from '../rules/finding.js'
import { rules } from '../rules/index.js'
import type { Rule } from '../rules/rule.js'
import { type Condition, conditions, hasPodrain } from './admission.js'

/** What a policy does with an object: kubectl shows a warning, the audit log gets an entry, or the API server refuses it. */
export type PolicyAction = 'warn' | 'audit' | 'deny'

/** All actions. */
export const policyActions: readonly PolicyAction[] = ['warn', 'audit', 'deny']

/** Options of {@link writePolicies}. */
export interface PolicyOptions {
  /** What happens on an error. A warning is never refused: with 'deny' it is shown. @default 'warn' */
  readonly action?: PolicyAction
  /** What happens to an object that cannot be judged: with 'fail' the same as on an error, with 'ignore' it is admitted. @default 'fail' */
  readonly failurePolicy?: 'fail' | 'ignore'
  /** Labels of the namespaces that the policies apply to. @default all namespaces but those of Kubernetes itself */
  readonly namespaceLabels?: Readonly<Record<string, string>>
}

/** Kinds that have their pod template at the same path. */
interface Shape {
  readonly name: string
  readonly resources: ReadonlyArray<{ readonly group: string; readonly names: readonly string[] }>
  /** A CEL expression for the pod template; undefined if the kinds have none. */
  readonly template?: string
  readonly of: readonly Condition['of'][]
}

const inPods = ['container', 'pod'] as const
const inServers = [...inPods, 'server'] as const

const shapes: readonly Shape[] = [
  {
    name: 'deployments',
    resources: [{ group: 'apps', names: ['deployments'] }],
    template: 'object.spec.template',
    of: [...inServers, 'Deployment'],
  },
  {
    name: 'controllers',
    resources: [{ group: 'apps', names: ['statefulsets', 'daemonsets', 'replicasets'] }],
    template: 'object.spec.template',
    of: inServers,
  },
  {
    name: 'jobs',
    resources: [{ group: 'batch', names: ['jobs'] }],
    template: 'object.spec.template',
    of: inPods,
  },
  {
    name: 'cronjobs',
    resources: [{ group: 'batch', names: ['cronjobs'] }],
    template: 'object.spec.jobTemplate.spec.template',
    of: inPods,
  },
  { name: 'pods', resources: [{ group: '', names: ['pods'] }], template: 'object', of: inServers },
  {
    name: 'budgets',
    resources: [{ group: 'policy', names: ['poddisruptionbudgets'] }],
    of: ['PodDisruptionBudget'],
  },
]

/**
 * Writes ValidatingAdmissionPolicies with their bindings, for the rules that CEL can express, so that a cluster refuses what `lint`
 * calls an error. They need Kubernetes 1.30.
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
 * @returns The YAML text.
 * @throws {RangeError} that names the option, the value and what was expected.
 */
export function writePolicies(options: PolicyOptions = {}): string {
  const { action = 'warn', failurePolicy = 'fail' } = options
  if (!policyActions.includes(action)) {
    throw new RangeError(`Expected \`action\` to be one of ${policyActions.join(', ')}, got \`${action}\``)
  }
  if (failurePolicy !== 'fail' && failurePolicy !== 'ignore') {
    throw new RangeError(`Expected \`failurePolicy\` to be fail or ignore, got \`${failurePolicy}\``)
  }
  const objects = shapes.flatMap((shape) =>
    (['error', 'warning'] as const).flatMap((severity) => {
      const own = conditions.filter((each) => severityOf(each) === severity && shape.of.includes(each.of))
      if (own.length === 0) return []
      const name = `podrain-${shape.name}-${severity}s`
      return [policy(name, shape, own, failurePolicy), binding(name, actionOf(severity, action), options)]
    }),
  )
  return `# Written by podrain policy. What the rules say, and why: podrain lint --rules
${objects.map((object) => stringify(object, { lineWidth: 0 })).join('---\n')}`
}

function actionOf(severity: Severity, action: PolicyAction): string {
  return { warn: 'Warn', audit: 'Audit', deny: severity === 'error' ? 'Deny' : 'Warn' }[action]
}

function policy(name: string, shape: Shape, own: readonly Condition[], failurePolicy: 'fail' | 'ignore'): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: {
      failurePolicy: failurePolicy === 'fail' ? 'Fail' : 'Ignore',
      matchConstraints: {
        resourceRules: shape.resources.map(({ group, names }) => ({
          apiGroups: [group],
          apiVersions: ['v1'],
          operations: ['CREATE', 'UPDATE'],
          resources: names,
        })),
      },
      matchConditions: [
        // An object with an owner is left out, because the owner is judged.
        { name: 'made-by-nobody-else', expression: '!object.metadata.?ownerReferences.hasValue()' },
        // An update that leaves the spec unchanged, such as a new label, is always allowed.
        { name: 'new', expression: "request.operation == 'CREATE' || object.spec != oldObject.spec" },
      ],
      ...(shape.template !== undefined && { variables: [...variablesOf(shape.template), ...own.flatMap(offenders)] }),
      validations: own.map(validation),
    },
  }
}

function variablesOf(template: string): object[] {
  const named = (object: string) => `${object}.?metadata.?annotations[?'podrain/container']`
  return [
    { name: 'pod', expression: `${template}.spec` },
    // The containers that run as long as the pod, native sidecars included.
    {
      name: 'containers',
      expression: `variables.pod.containers + variables.pod.?initContainers.orValue([]).filter(c, c.?restartPolicy.orValue('') == 'Always')`,
    },
    { name: 'grace', expression: 'variables.pod.?terminationGracePeriodSeconds.orValue(30)' },
    { name: 'named', expression: `${named(template)}.orValue(${named('object')}.orValue(''))` },
    {
      name: 'hasPodrain',
      expression: `variables.pod.containers.exists(c, c.name == variables.named || ${hasPodrain})`,
    },
  ]
}

function isOfContainers({ of }: Condition): boolean {
  return of === 'container' || of === 'server'
}

/** A variable with the names of the containers that violate the condition. */
function offenders(condition: Condition): object[] {
  if (!isOfContainers(condition)) return []
  const names = `variables.containers.filter(c, !(${condition.expression})).map(c, c.name)`
  return [{ name: variableOf(condition), expression: names }]
}

/** The name of that variable: `hookPort` for the rule `hook-port`. */
function variableOf({ rule }: Condition): string {
  return rule.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}

/** The severity of the condition's findings in lint. */
export function severityOf({ rule, severity }: Condition): Severity {
  return severity ?? ruleOf(rule).severity
}

function ruleOf(name: string): Rule {
  const rule = rules.find(({ id }) => id === name)
  if (rule === undefined) throw new Error(`There is no rule \`${name}\``)
  return rule
}

function validation(condition: Condition): object {
  const { title } = ruleOf(condition.rule)
  const message = `podrain ${condition.rule}: ${title}`
  if (!isOfContainers(condition)) return { expression: condition.expression, message }
  const wrong = `variables.${variableOf(condition)}`
  return {
    expression: `${wrong}.size() == 0`,
    message,
    messageExpression: `${JSON.stringify(`${message}: container `)} + ${wrong}.join(', ')`,
  }
}

function binding(name: string, action: string, { namespaceLabels }: PolicyOptions): object {
  const ofKubernetes = ['kube-system', 'kube-public', 'kube-node-lease']
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name },
    spec: {
      policyName: name,
      validationActions: [action],
      matchResources: {
        namespaceSelector:
          namespaceLabels === undefined
            ? { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ofKubernetes }] }
            : { matchLabels: namespaceLabels },
      },
    },
  }
}
