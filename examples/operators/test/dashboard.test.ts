import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drainServer } from '@podrain/core'
import { promMetrics } from '@podrain/metrics'
import { quick, send, urlOf } from '@podrain/testkit'
import promClient, { Registry } from 'prom-client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { operators } from './rules.js'

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description: string
  readonly datasource: { readonly uid: string }
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[]
}

interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly schemaVersion: number
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly regex?: string }[] }
}

const dashboard: Dashboard = JSON.parse(readFileSync(join(operators, 'grafana-dashboard.json'), 'utf8'))
const { panels } = dashboard

describe('the dashboard', () => {
  test('has a name, no overlapping panels, and variables for data source, namespace and workload', () => {
    expect(dashboard).toMatchObject({ uid: 'podrain', title: 'podrain', schemaVersion: expect.any(Number) })
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource', 'namespace', 'workload'])
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const taken = new Set<string>()
    for (const { gridPos, datasource, targets, description } of panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(x).toBeLessThan(24)
          expect(taken).not.toContain(`${x} ${y}`)
          taken.add(`${x} ${y}`)
        }
      }
      expect(description).toMatch(/\.$/)
      for (const source of [datasource, ...targets.map((target) => target.datasource)]) {
        expect(source.uid).toBe(['$', '{datasource}'].join(''))
      }
      for (const { expr } of targets) expect(expr).toContain('namespace=~"$namespace",pod=~"$workload-.*"')
    }
  })

  test.each([
    ['a Deployment', 'orders-api-5d9c7b6f4-x2x7k', 'orders-api'],
    ['a StatefulSet', 'orders-0', 'orders'],
    ['a DaemonSet', 'orders-x2x7k', 'orders'],
  ])('finds the workload by the name of a pod of %s', (_, pod, workload) => {
    const regex = dashboard.templating.list.find(({ name }) => name === 'workload')?.regex ?? ''
    expect(new RegExp(regex.slice(1, -1)).exec(pod)?.[1]).toBe(workload)
  })
})

const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0
const labels = { namespace: 'shop', pod: 'orders-5d9c7b6f4-x2x7k', container: 'app' }

test('every panel is drawn by a real Prometheus that scrapes a pod while it drains and after it has cut a request', async ({
  skip,
}) => {
  skip(!hasPrometheus, 'there is no prometheus (Debian: apt-get install prometheus)')
  const registry = new Registry()
  const app = createServer((request, response) => {
    if (request.url !== '/held') response.writeHead(404).end()
  })
  const drain = drainServer(app, { ...quick, terminationGracePeriodSeconds: 300 })
  onTestFinished(() => drain.dispose())
  promMetrics(drain, promClient, { registry })
  const appUrl = await listen(app)
  const metrics = await listen(
    createServer(async (request, response) => {
      response.setHeader('content-type', 'text/plain')
      response.end(request.url === '/cluster' ? kubeStateMetrics : await registry.metrics())
    }),
  )
  const prometheus = await startPrometheus(new URL(metrics).host)
  const drawn = async (title: string): Promise<readonly Sample[]> => {
    const panel = panels.find((each) => each.title === title) ?? expect.unreachable(title)
    return ask(prometheus, panel.targets[0]?.expr ?? '')
  }
  const value = async (title: string, name = ''): Promise<number | undefined> => {
    const found = (await drawn(title)).find(({ metric }) => name === '' || Object.values(metric).includes(name))
    return found && Number(found.value[1])
  }

  await expect.poll(() => value('Pods by state', 'serving'), patient).toBe(1)
  expect(await value('Draining now')).toBe(0)
  expect(await value('Drains, last hour')).toBe(0)

  const cut = send(`${appUrl}/held`).catch((error: Error) => error)
  await expect.poll(() => drain.inFlight).toBe(1)
  drain.waitUntil(new Promise(() => {}), { name: 'import' })
  await send(`${appUrl}/prestop`, { headers: { via: '1.1 proxy' } })
  void drain.prestop()
  await expect.poll(() => value('Draining now'), patient).toBe(1)
  expect(await value('Drains, last hour')).toBe(1)
  expect(await value('Pods by state', 'draining')).toBe(1)
  expect(await value('In flight by state', 'draining')).toBe(1)
  expect(await value('Tasks of pods that end')).toBe(1)
  expect(await value('Calls refused, last hour')).toBe(1)
  expect(await value('Killed (137), last hour')).toBe(1)
  expect(await value('Until SIGKILL')).toBeGreaterThan(0)
  await expect.poll(() => value('Drain so far, as scraped'), patient).toBeGreaterThan(0)

  const { durationMs } = await drain.start({ within: 1500 })
  expect(await cut).toBeInstanceOf(Error)
  await expect.poll(() => value('Requests cut, last hour'), patient).toBe(1)
  expect(await value('Answered while draining, last hour')).toBe(0)
  expect(await value('Drain duration')).toBeCloseTo(durationMs / 1000)

  // A range query, as Grafana sends it for a graph.
  for (const { targets } of panels) for (const { expr } of targets) await ask(prometheus, expr, 'range')
})

const patient = { timeout: 30_000, interval: 200 }

/** Metrics of kube-state-metrics: the pod gets SIGKILL in some minutes, and a container of another pod was killed. */
const kubeStateMetrics = [
  `kube_pod_deletion_timestamp{namespace="shop",pod="${labels.pod}",uid="u"} ${Math.round(Date.now() / 1000) + 300}`,
  'kube_pod_container_status_last_terminated_exitcode{namespace="shop",pod="orders-2",container="app",uid="v"} 137',
  `kube_pod_container_status_last_terminated_timestamp{namespace="shop",pod="orders-2",container="app",uid="v"} ${Math.round(Date.now() / 1000)}`,
  '',
].join('\n')

interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [time: number, value: string]
}

/** Queries an expression as Grafana does, with its variables set to all namespaces and one workload. */
async function ask(
  prometheus: string,
  expr: string,
  kind: 'instant' | 'range' = 'instant',
): Promise<readonly Sample[]> {
  const query = expr.replaceAll('$namespace', '.*').replaceAll('$workload', 'orders')
  expect(query).not.toContain('$')
  const now = Date.now() / 1000
  const asked: Record<string, string> =
    kind === 'instant' ? { query } : { query, start: String(now - 300), end: String(now), step: '5' }
  const path = kind === 'instant' ? 'query' : 'query_range'
  const answer = await fetch(`${prometheus}/api/v1/${path}?${new URLSearchParams(asked)}`)
  const { status, error, data } = (await answer.json()) as {
    status: string
    error?: string
    data: { result: Sample[] }
  }
  expect({ query, status, error }).toEqual({ query, status: 'success', error: undefined })
  return data.result
}

async function listen(server: Server): Promise<string> {
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  server.listen(0, '127.0.0.1')
  return urlOf(server)
}

/** A free port. Prometheus does not tell its port if it chooses the port itself. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  const url = await urlOf(server)
  await new Promise((resolve) => server.close(resolve))
  return Number(new URL(url).port)
}

async function startPrometheus(target: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'podrain-prometheus-'))
  const scrape = { scrape_interval: '1s', scrape_timeout: '1s' }
  const configuration = {
    scrape_configs: [
      { job_name: 'pods', ...scrape, static_configs: [{ targets: [target], labels }] },
      {
        job_name: 'cluster',
        ...scrape,
        metrics_path: '/cluster',
        honor_labels: true,
        static_configs: [{ targets: [target] }],
      },
    ],
  }
  const file = join(folder, 'prometheus.json')
  writeFileSync(file, JSON.stringify(configuration)) // JSON is YAML
  const address = `127.0.0.1:${await freePort()}`
  const child = spawn(
    'prometheus',
    [`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=${address}`],
    { stdio: 'ignore' },
  )
  const exited = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
    rmSync(folder, { recursive: true })
  })
  const isReady = (): Promise<boolean> =>
    fetch(`http://${address}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  await expect.poll(isReady, patient).toBe(true)
  return `http://${address}`
}
