import { readFileSync } from 'node:fs'
import { Environment } from '@marcbachmann/cel-js'
import { parseAllDocuments } from 'yaml'

type Labelled = { metadata: { name?: string; labels?: Record<string, string> } }

/** The part of a request that admission policies see. */
export interface Review {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE'
  readonly resource: string
  readonly request: object
  readonly object?: Labelled
  readonly oldObject: Labelled
  /** Whether the sender has another permission. @default it has none */
  readonly may?: (verb: string, resource: string) => boolean
}

interface Expression {
  readonly expression: string
  readonly message?: string
  readonly messageExpression?: string
}

interface Policy {
  readonly kind: string
  readonly spec: {
    readonly failurePolicy: 'Fail' | 'Ignore'
    readonly matchConstraints: {
      readonly objectSelector?: { matchLabels: Record<string, string> }
      readonly resourceRules: readonly { operations: readonly string[]; resources: readonly string[] }[]
    }
    readonly matchConditions?: readonly Expression[]
    readonly validations: readonly Expression[]
  }
}

/** The variable `authorizer` of admission policies, which checks other permissions of the sender. */
class Authorizer {
  readonly may: NonNullable<Review['may']>
  readonly resource: string

  constructor(may: NonNullable<Review['may']>, resource = '') {
    this.may = may
    this.resource = resource
  }
}

// The functions that the policies use of https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-authorizer-library
const cel = new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: true })
  .registerType('Authorizer', { ctor: Authorizer, fields: { resource: 'string' } })
  .registerVariable('authorizer', 'Authorizer')
  .registerFunction('Authorizer.group(string): Authorizer', (one: Authorizer) => one)
  .registerFunction(
    'Authorizer.resource(string): Authorizer',
    ({ may }: Authorizer, name: string) => new Authorizer(may, name),
  )
  .registerFunction('Authorizer.namespace(string): Authorizer', (one: Authorizer) => one)
  .registerFunction('Authorizer.check(string): bool', ({ may, resource }: Authorizer, verb: string) =>
    may(verb, resource),
  )
  .registerFunction('bool.allowed(): bool', (is: boolean) => is)

/** The ValidatingAdmissionPolicy of a file. */
export function policyOf(file: string): Policy {
  const policies = parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as Policy)
  const policy = policies.find(({ kind }) => kind === 'ValidatingAdmissionPolicy')
  if (!policy) throw new Error(`${file} has no ValidatingAdmissionPolicy`)
  return policy
}

/** @returns Why the API refuses the request; undefined if it allows the request. */
export function refusal({ spec }: Policy, review: Review): string | undefined {
  const { operation, resource, object, oldObject, request, may = () => false } = review
  const authorizer = new Authorizer(may)
  const { objectSelector, resourceRules } = spec.matchConstraints
  const concerned = resourceRules.some(
    ({ operations, resources }) => operations.includes(operation) && resources.includes(resource),
  )
  const { labels = {} } = (object ?? oldObject).metadata
  const selected = Object.entries(objectSelector?.matchLabels ?? {}).every(([name, value]) => labels[name] === value)
  if (!concerned || !selected) return undefined
  const evaluate = (expression: string): unknown =>
    cel.evaluate(expression, { request, object: object ?? null, oldObject, authorizer })
  try {
    for (const { expression } of spec.matchConditions ?? []) if (evaluate(expression) === false) return undefined
    for (const { expression, message, messageExpression } of spec.validations) {
      if (evaluate(expression) === true) continue
      return messageExpression ? String(evaluate(messageExpression)) : (message ?? `failed expression: ${expression}`)
    }
  } catch (error) {
    return spec.failurePolicy === 'Fail' ? `could not be evaluated: ${(error as Error).message}` : undefined
  }
  return undefined
}
