import { readFileSync } from 'node:fs'
import { Environment } from '@marcbachmann/cel-js'
import { parseAllDocuments } from 'yaml'

type Labelled = { metadata: { name?: string; labels?: Record<string, string> } }

/** A request, as far as admission policies see it. */
export interface Review {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE'
  readonly resource: string
  readonly request: object
  readonly object?: Labelled
  readonly oldObject: Labelled
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

const cel = new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: true })

/** The ValidatingAdmissionPolicy of a file. */
export function policyOf(file: string): Policy {
  const policies = parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as Policy)
  const policy = policies.find(({ kind }) => kind === 'ValidatingAdmissionPolicy')
  if (!policy) throw new Error(`${file} has no ValidatingAdmissionPolicy`)
  return policy
}

/** @returns why the API refuses the request; undefined if it does not */
export function refusal({ spec }: Policy, review: Review): string | undefined {
  const { operation, resource, object, oldObject, request } = review
  const { objectSelector, resourceRules } = spec.matchConstraints
  const concerned = resourceRules.some(
    ({ operations, resources }) => operations.includes(operation) && resources.includes(resource),
  )
  const { labels = {} } = (object ?? oldObject).metadata
  const selected = Object.entries(objectSelector?.matchLabels ?? {}).every(([name, value]) => labels[name] === value)
  if (!concerned || !selected) return undefined
  const evaluate = (expression: string): unknown =>
    cel.evaluate(expression, { request, object: object ?? null, oldObject })
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
