import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

export const operators = join(import.meta.dirname, '..')

export interface Alert {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string }
}

interface Groups {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Alert[] }[]
}

/** The PrometheusRule of the Prometheus operator. Its `spec` has the groups of rules. */
export const prometheusRule: { readonly spec: Groups } = read('prometheus-rules.yaml')

/** The groups of rules for Loki's ruler. */
export const lokiRules: Groups = read('loki-rules.yaml')

export function alertsOf({ groups }: Groups): readonly Alert[] {
  return groups.flatMap(({ rules }) => rules)
}

function read<Content>(name: string): Content {
  return parse(readFileSync(join(operators, name), 'utf8'))
}
