import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { clientKinds, type LossCause, type RehearsalEvent } from '@podrain/rehearsal'
import { write } from '../dist/report.js'

const kinds: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '/api/v1': {
    Namespace: 'namespaces',
    ConfigMap: 'configmaps',
    ServiceAccount: 'serviceaccounts',
    Service: 'services',
    Node: 'nodes',
  },
  '/apis/apps/v1': { Deployment: 'deployments', StatefulSet: 'statefulsets' },
  '/apis/batch/v1': { Job: 'jobs' },
  '/apis/networking.k8s.io/v1': { NetworkPolicy: 'networkpolicies' },
  '/apis/policy/v1': { PodDisruptionBudget: 'poddisruptionbudgets' },
  '/apis/rbac.authorization.k8s.io/v1': { Role: 'roles', RoleBinding: 'rolebindings' },
}
interface Metadata {
  readonly name?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string | null>>
  readonly deletionTimestamp?: string
}

interface Body {
  readonly metadata?: Metadata
  readonly spec?: {
    readonly unschedulable?: boolean
    readonly replicas?: number
    readonly resourceAttributes?: { readonly verb: string; readonly resource: string }
  }
}

const clusterWide = ['Namespace', 'Node']

/** The part of the Kubernetes API that the cases use. Every change of the simulated cluster is immediate. */
export class Api {
  /** All calls so far, as `METHOD path`. */
  readonly calls: string[] = []
  /** The namespaces by name. */
  readonly namespaces = new Map<string, Metadata>()
  readonly tokens = new Set<string | undefined>()
  readonly unschedulable = new Set<string>()
  nodes: { name: string; taints?: object[]; annotations?: Record<string, string | null> }[] = [{ name: 'node-1' }]
  /** The permissions that the account does not have, as `verb resource`. */
  readonly forbidden = new Set<string>()
  /** The termination message of replaced pods. */
  terminationMessage = ''
  /** The requests that the load has lost, by cause. */
  lost: Partial<Record<LossCause, number>> = {}
  /** The exit code of replaced pods. */
  exitCode = 0
  /** Whether the load ends as soon as it has begun. */
  endsLoadEarly = false
  /** Calls that get no response. */
  silent: RegExp | undefined
  /** Calls that get 403. */
  refused: RegExp | undefined
  /** Called when namespaces are listed. */
  onList: () => void = () => {}
  /** Calls that get 429, and how often. */
  later = { call: /^never/, times: 0 }
  #generation = 0
  #loadedAt = 0
  #pods = ['app-1', 'app-2', 'app-3']
  readonly #watchers = new Set<ServerResponse>()
  readonly #server = createServer(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    this.#answer(request, response, body === '' ? {} : JSON.parse(body))
  })

  /** @param file The path for the kubeconfig, which has a credential plugin. */
  async start(file: string): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const { port } = this.#server.address() as AddressInfo
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'of-a-plugin' },
    }
    const print = `process.stdout.write(${JSON.stringify(JSON.stringify(credential))})`
    const exec = { apiVersion: credential.apiVersion, command: process.execPath, args: ['-e', print] }
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'u', user: { exec } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }
    writeFileSync(file, JSON.stringify(config))
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  #answer(request: IncomingMessage, response: ServerResponse, body: Body): unknown {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://api')
    const call = `${request.method} ${pathname}`
    this.calls.push(call)
    this.tokens.add(request.headers.authorization)
    const say = (status: number, answer: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    }
    const refuse = (status: number, message: string): void =>
      say(status, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code: status })
    if (this.silent?.test(call)) return
    if (this.refused?.test(call)) return refuse(403, `${pathname} is forbidden`)
    if (this.later.call.test(call) && this.later.times-- > 0)
      return refuse(429, 'the disruption budget needs 2 healthy pods')
    if (kinds[pathname]) {
      const resources = Object.entries(kinds[pathname]).map(([kind, name]) => ({
        kind,
        name,
        namespaced: !clusterWide.includes(kind),
        verbs: [],
      }))
      return say(200, { kind: 'APIResourceList', groupVersion: 'v1', resources })
    }
    const last = pathname.split('/').at(-1) ?? ''
    if (request.method === 'POST') {
      if (last === 'jobs') this.#loadedAt = Date.now()
      if (last === 'namespaces') this.namespaces.set(body.metadata?.name ?? '', body.metadata ?? {})
      if (last === 'selfsubjectaccessreviews') {
        const { verb, resource } = body.spec?.resourceAttributes ?? {}
        return say(201, { ...body, status: { allowed: !this.forbidden.has(`${verb} ${resource}`) } })
      }
      if (body.metadata?.name === 'app' && body.spec?.replicas !== undefined)
        this.#pods = Array.from({ length: body.spec.replicas }, (_, n) => `app-${n + 1}`)
      if (last === 'eviction') this.#replace(pathname.split('/').at(-2))
      return say(201, body)
    }
    if (request.method === 'DELETE') {
      if (pathname.startsWith('/api/v1/namespaces/')) this.namespaces.delete(last)
      return say(200, { kind: 'Status' })
    }
    if (request.method === 'PATCH') {
      if (pathname.includes('/nodes/')) {
        this.unschedulable[body.spec?.unschedulable ? 'add' : 'delete'](last)
        const node = this.nodes.find(({ name }) => name === last)
        if (node) node.annotations = { ...node.annotations, ...body.metadata?.annotations }
      } else if (pathname === `/api/v1/namespaces/${last}`) {
        const known = this.namespaces.get(last) ?? {}
        this.namespaces.set(last, { ...known, annotations: { ...known.annotations, ...body.metadata?.annotations } })
      } else for (const name of [...this.#pods]) this.#replace(name)
      return say(200, body)
    }
    if (last === 'log') {
      return void response.setHeader('content-type', 'text/plain').end(`loading\n${this.#report()}`)
    }
    if (last === 'version') return say(200, { gitVersion: 'v1.35.0' })
    if (last === 'nodes')
      return say(200, {
        kind: 'NodeList',
        items: this.nodes.map(({ name, taints, annotations = {} }) => {
          const said = Object.entries(annotations).filter(([, value]) => value !== null)
          return { metadata: { name, annotations: Object.fromEntries(said) }, spec: { taints } }
        }),
      })
    if (last === 'namespaces') {
      this.onList()
      return say(200, { kind: 'NamespaceList', items: [...this.namespaces.values()].map((metadata) => ({ metadata })) })
    }
    if (last === 'events')
      return say(200, { kind: 'EventList', items: this.#events(searchParams.get('fieldSelector')) })
    if (last === 'pods') {
      if (searchParams.get('watch') === 'true') {
        response.writeHead(200).flushHeaders()
        return this.#watchers.add(response)
      }
      const names = searchParams.get('labelSelector') === 'app=podrain-e2e' ? this.#pods : ['load-1']
      return say(200, {
        kind: 'PodList',
        metadata: { resourceVersion: '1' },
        items: names.map((name) => running(name)),
      })
    }
    // The load is over when its Job is read the second time.
    const asked = this.calls.filter((each) => each === call).length
    if (pathname.includes('/jobs/'))
      return say(200, { kind: 'Job', status: { succeeded: this.endsLoadEarly || asked > 1 ? 1 : 0 } })
    const replicas = last === 'proxy' ? 1 : this.#pods.length
    const status = { observedGeneration: this.#generation, updatedReplicas: replicas, availableReplicas: replicas }
    return say(200, { kind: 'Deployment', metadata: { generation: this.#generation }, status })
  }

  #replace(name: string | undefined): void {
    if (name === undefined || !this.#pods.includes(name)) return
    const other = `${name}-${++this.#generation}`
    this.#pods = this.#pods.map((each) => (each === name ? other : each))
    const { exitCode, terminationMessage: message } = this
    this.#tell('ADDED', running(other))
    this.#tell('MODIFIED', running(name, { deletionTimestamp: new Date().toISOString() }))
    this.#tell(
      'MODIFIED',
      running(name, { deletionTimestamp: new Date().toISOString() }, { terminated: { exitCode, message } }),
    )
    this.#tell(
      'DELETED',
      running(name, { deletionTimestamp: new Date().toISOString() }, { terminated: { exitCode, message } }),
    )
  }

  #tell(type: string, object: object): void {
    for (const watcher of this.#watchers) watcher.write(`${JSON.stringify({ type, object })}\n`)
  }

  /** The report of the load: 1,000 requests, answered by all pods, the old and the new. */
  #report(): string {
    const now = Date.now() - this.#loadedAt
    const requests = Object.fromEntries(clientKinds.map((kind) => [kind, kind === 'keepAlive' ? 1000 : 0])) as never
    const losses = Object.entries(this.lost).flatMap(([cause, count = 0]) => Array.from({ length: count }, () => cause))
    const events: RehearsalEvent[] = losses.map((cause) => ({
      t: now,
      type: 'lost',
      client: 'keepAlive',
      pod: 'app',
      method: 'GET',
      path: '/work',
      cause: cause as LossCause,
      message: '',
      sentAt: now,
      reused: false,
    }))
    events.push({ t: now, type: 'load-end', requests, eventLoopDelayMs: null, loadEventLoopDelayMs: 3 })
    const answered = Object.fromEntries([1, 2, 3, 4, 5, 6].map((pod) => [`app-${pod}`, 1]))
    const lost = losses.length
    return write({
      startedAt: this.#loadedAt,
      events,
      samples: [{ type: 'sample', t: now, inFlight: requests, requests: 1000, lost, answered, latency: null }],
      requests: [{ type: 'requests', t: 0, requests: { ...(requests as object), keepAlive: 0 } as never }],
    })
  }

  #events(selector: string | null): object[] {
    return selector === 'type=Warning'
      ? [{ reason: 'Unhealthy', message: 'Readiness probe failed', metadata: {}, involvedObject: {} }]
      : []
  }
}

/** A pod whose container has the given state. */
function running(name: string, metadata: object = {}, state: object = { running: {} }): object {
  const ready = 'running' in state && !('deletionTimestamp' in metadata)
  return {
    metadata: { name, ...metadata },
    spec: { nodeName: 'node-1', containers: [] },
    status: {
      phase: 'Running',
      podIP: '10.0.0.1',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      containerStatuses: [{ name: 'app', restartCount: 0, state }],
    },
  }
}
