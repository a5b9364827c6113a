import { stringify } from 'yaml'
import type { Severity } from '../rules/finding.js'
import { rules } from '../rules/index.js'
import type { Rule } from '../rules/rule.js'
import { type Condition, conditions, hasPodrain } from './admission.js'

export type PolicyAction = 'warn' | 'audit' | 'deny'

export const policyActions: readonly PolicyAction[] = ['warn', 'audit', 'deny']

/** What admission policies are written from. */
export interface PolicyOptions {
  /** What becomes of an object with an error. What is only a warning is never refused. @default 'warn' */
  readonly action?: PolicyAction
  /** What becomes of an object that cannot be judged. @default 'fail' */
  readonly failurePolicy?: 'fail' | 'ignore'
  /** Labels of the namespaces that it is for. @default all but those of Kubernetes itself */
  readonly namespaceLabels?: Readonly<Record<string, string>>
}

/** Kinds of objects that have their pods in the same place. */
interface Shape {
  readonly name: string
  readonly resources: ReadonlyArray<{ readonly group: string; readonly names: readonly string[] }>
  /** Where its pod is. */
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
 * Writes ValidatingAdmissionPolicies with their bindings, from what CEL can say of the rules, so that a cluster refuses what `lint`
 * calls an error. They need Kubernetes 1.30.
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
 * @throws {RangeError} naming the option
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
        // What makes it is judged already.
        { name: 'made-by-nobody-else', expression: '!object.metadata.?ownerReferences.hasValue()' },
        // Somebody who labels an old object, or takes a finalizer away, is not kept from it.
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
    // What runs as long as the pod does: with the native sidecars.
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

/** The names of the containers in which something is wrong. */
function offenders(condition: Condition): object[] {
  if (!isOfContainers(condition)) return []
  const names = `variables.containers.filter(c, !(${condition.expression})).map(c, c.name)`
  return [{ name: variableOf(condition), expression: names }]
}

/** `hookPort` */
function variableOf({ rule }: Condition): string {
  return rule.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}

/** What lint calls it. */
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
