import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule'
import { afterAll, describe, expect, test } from 'vitest'
import { alertsOf, prometheusRule } from './rules.js'

const promtool = spawnSync('promtool', ['--version']).status === 0
const missing = 'there is no promtool (Debian: apt-get install prometheus)'

const folder = mkdtempSync(join(tmpdir(), 'podrain-rules-'))
afterAll(() => rmSync(folder, { recursive: true }))
const rules = join(folder, 'rules.json')
writeFileSync(rules, JSON.stringify(prometheusRule.spec)) // JSON is YAML

/** The values of each series, one per minute, in the notation of promtool's unit tests. */
type Series = Readonly<Record<string, string>>

interface Case {
  readonly alert: string
  readonly when: string
  readonly series: Series
  readonly at?: string
  /** The summary of the expected alert; undefined if no alert is expected. */
  readonly summary?: string
  readonly labels?: Readonly<Record<string, string>>
}

const pod = 'namespace="shop",pod="orders-1"'
const named = { namespace: 'shop', pod: 'orders-1' }
const watched = { [`podrain_state{${pod},state="serving"}`]: '1x20' }
const app = { ...named, container: 'app' }
const draining = `podrain_state{${pod},state="draining"}`
const sigkill = `kube_pod_deletion_timestamp{${pod},uid="u"}`
const refused = `podrain_refused_calls_total{${pod},endpoint="prestop"}`
const budget = 'poddisruptionbudget="orders",namespace="shop"'
const disruptions = `kube_poddisruptionbudget_status_pod_disruptions_allowed{${budget}}`
const expectedPods = `kube_poddisruptionbudget_status_expected_pods{${budget}}`
const onNode = { [`kube_pod_info{${pod},node="a"}`]: '1x20' }
const ready = `kube_pod_status_ready{${pod},condition="true",uid="u"}`
const container = `{${pod},container="app",uid="u"}`
const exitCode = `kube_pod_container_status_last_terminated_exitcode${container}`
const exitTime = `kube_pod_container_status_last_terminated_timestamp${container}`

const cases: readonly Case[] = [
  {
    alert: 'PodrainRequestsCut',
    when: 'the last export of a pod has two cut requests',
    series: { [`podrain_cut_requests_total{${pod}}`]: '0 0 0 2 stale' },
    labels: named,
    summary: 'shop/orders-1 cut 2 requests when it ended',
  },
  {
    alert: 'PodrainRequestsCut',
    when: 'a pod ends without a cut request',
    series: { [`podrain_cut_requests_total{${pod}}`]: '0 0 0 0 stale' },
  },
  {
    alert: 'PodrainDrainTooLong',
    when: 'the last scrape of a drain is 6 s before SIGKILL',
    series: { [draining]: '0 0 0 1 1 stale', [sigkill]: '_ _ _ 246 246 stale' },
    labels: { ...named, state: 'draining' },
    summary: 'shop/orders-1 was still draining 10 s before SIGKILL',
  },
  {
    alert: 'PodrainDrainTooLong',
    when: 'the drain was over half a minute before SIGKILL',
    series: { [draining]: '0 0 0 1 1 stale', [sigkill]: '_ _ _ 270 270 stale' },
  },
  {
    alert: 'PodrainDrainTooLong',
    when: 'a pod is deleted and has not begun to drain',
    series: { [draining]: '0x5', [sigkill]: '_ _ _ 246 246 246' },
  },
  {
    alert: 'PodrainStuckTerminating',
    when: 'the object still exists two minutes after SIGKILL',
    series: { ...watched, [sigkill]: '180x10' },
    labels: named,
    summary: 'shop/orders-1 should have been gone for 2m 0s',
  },
  {
    alert: 'PodrainStuckTerminating',
    when: 'the grace period is not over',
    series: { ...watched, [sigkill]: '400x10' },
  },
  { alert: 'PodrainStuckTerminating', when: 'the pod has no podrain', series: { [sigkill]: '180x10' } },
  {
    alert: 'PodrainCallsRefused',
    when: 'a pod refuses its first call',
    series: { [refused]: '_ _ _ 1 1 1 1' },
    labels: { ...named, endpoint: 'prestop' },
    summary: 'shop/orders-1 refused calls of /prestop',
  },
  {
    alert: 'PodrainCallsRefused',
    when: 'a pod refuses another call',
    at: '20m',
    series: { [refused]: '1x15 2x10' },
    labels: { ...named, endpoint: 'prestop' },
    summary: 'shop/orders-1 refused calls of /prestop',
  },
  {
    alert: 'PodrainCallsRefused',
    when: 'the last call was refused long ago',
    at: '20m',
    series: { [refused]: '1x25' },
  },
  {
    alert: 'PodrainKilled',
    when: 'a container was killed a minute ago',
    series: { ...watched, [exitCode]: '137x10', [exitTime]: '240x10' },
    labels: { ...app, uid: 'u' },
    summary: 'app of shop/orders-1 was killed (exit code 137)',
  },
  {
    alert: 'PodrainKilled',
    when: 'the container exited with 1',
    series: { ...watched, [exitCode]: '1x10', [exitTime]: '240x10' },
  },
  {
    alert: 'PodrainKilled',
    when: 'the container was killed long ago',
    at: '20m',
    series: { ...watched, [exitCode]: '137x20', [exitTime]: '240x20' },
  },
  { alert: 'PodrainKilled', when: 'the pod has no podrain', series: { [exitCode]: '137x10', [exitTime]: '240x10' } },
  {
    alert: 'PodrainNodeWillNotDrain',
    when: 'a budget allows no disruption and a node with pods of its namespace is cordoned',
    at: '16m',
    series: {
      [disruptions]: '0x20',
      [expectedPods]: '1x20',
      ...onNode,
      'kube_node_spec_unschedulable{node="a"}': '1x20',
    },
    labels: { namespace: 'shop', poddisruptionbudget: 'orders' },
    summary: 'PodDisruptionBudget shop/orders allows no eviction while a node is drained',
  },
  {
    alert: 'PodrainNodeWillNotDrain',
    when: 'the budget allows one disruption',
    at: '16m',
    series: {
      [disruptions]: '1x20',
      [expectedPods]: '2x20',
      ...onNode,
      'kube_node_spec_unschedulable{node="a"}': '1x20',
    },
  },
  {
    alert: 'PodrainNodeWillNotDrain',
    when: 'the node is schedulable',
    at: '16m',
    series: {
      [disruptions]: '0x20',
      [expectedPods]: '1x20',
      ...onNode,
      'kube_node_spec_unschedulable{node="a"}': '0x20',
    },
  },
  {
    alert: 'PodrainNodeWillNotDrain',
    when: 'another node is cordoned',
    at: '16m',
    series: {
      [disruptions]: '0x20',
      [expectedPods]: '1x20',
      ...onNode,
      'kube_node_spec_unschedulable{node="b"}': '1x20',
    },
  },
  {
    alert: 'PodrainReadyWhileDraining',
    when: 'a pod drains and is ready for minutes',
    series: { [draining]: '1x10', [ready]: '1x10' },
    labels: named,
    summary: 'shop/orders-1 has been draining for a minute and is still ready',
  },
  {
    alert: 'PodrainReadyWhileDraining',
    when: 'the probe of a draining pod fails',
    series: { [draining]: '1x10', [ready]: '0x10' },
  },
  {
    alert: 'PodrainReadyWhileDraining',
    when: 'a pod serves and is ready',
    series: { [draining]: '0x10', [ready]: '1x10' },
  },
]

describe('the Prometheus rules', () => {
  test('are a valid PrometheusRule', () => {
    expect(() => new PrometheusRule(prometheusRule as never).validate()).not.toThrow()
    expect(() => new PrometheusRule({ spec: { groups: [{ rules: [] }] } } as never).validate()).toThrow()
  })

  test('are valid for promtool', ({ skip }) => {
    skip(!promtool, missing)
    const { stdout, status } = spawnSync('promtool', ['check', 'rules', rules], { encoding: 'utf8' })
    expect(stdout).toContain(`SUCCESS: ${alertsOf(prometheusRule.spec).length} rules found`)
    expect(status).toBe(0)
  })

  test.each(alertsOf(prometheusRule.spec))('$alert has a case that fires and one that does not', ({ alert }) => {
    const own = cases.filter((each) => each.alert === alert)
    expect(own.some(({ summary }) => summary !== undefined)).toBe(true)
    expect(own.some(({ summary }) => summary === undefined)).toBe(true)
  })

  test.for(cases.map((each) => ({ ...each, outcome: each.summary === undefined ? 'does not fire' : 'fires' })))(
    '$alert $outcome when $when',
    ({ alert, series, at = '5m', summary, labels }, { skip }) => {
      skip(!promtool, missing)
      const rule = alertsOf(prometheusRule.spec).find((each) => each.alert === alert)
      const { description, runbook_url } = rule?.annotations ?? expect.unreachable()
      const expected = {
        exp_labels: { ...labels, severity: rule?.labels.severity },
        exp_annotations: { summary, description, runbook_url },
      }
      const unit = {
        rule_files: [rules],
        evaluation_interval: '1m',
        tests: [
          {
            interval: '1m',
            input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
            alert_rule_test: [{ eval_time: at, alertname: alert, exp_alerts: summary === undefined ? [] : [expected] }],
          },
        ],
      }
      const file = join(folder, 'unit.json')
      writeFileSync(file, JSON.stringify(unit))
      const { stdout, stderr, status } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' })
      expect(`${stdout}${stderr}`).toContain('SUCCESS')
      expect(status).toBe(0)
    },
  )
})
