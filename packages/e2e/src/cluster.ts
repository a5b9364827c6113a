import { setTimeout as sleep } from 'node:timers/promises'
import type {
  AuthorizationV1Api,
  CoreV1Api,
  KubernetesObject,
  KubernetesObjectApi,
  V1Deployment,
  V1Job,
  V1Node,
  V1Pod,
  V1StatefulSet,
  VersionApi,
  Watch,
} from '@kubernetes/client-node'
import type { Case } from './cases.js'
import { cordonedAnnotation, heartbeatAnnotation, type Run, runLabel } from './marks.js'
import type { Permission } from './permissions.js'
import { type Report, read } from './report.js'
import type { Manifest } from './schema.js'

/** A preStop hook that failed, and when: milliseconds since 1970. */
export interface FailedHook {
  readonly t: number
  readonly pod: string
  readonly message: string
}

const pods = 'app=podrain-e2e'
/** Milliseconds from one sign of life of a run to the next. */
const beat = 10_000

/** What was left by some run: a namespace, or a node that it has cordoned. */
export interface Trace {
  readonly kind: 'Namespace' | 'Node'
  readonly name: string
  /** The run that has left it. */
  readonly run: string
  /** Of a namespace: its last sign of life. */
  readonly heartbeat: string | undefined
}

/** What the API has answered, in a line. */
export function explain(error: unknown): string {
  const { code, body, message } = error as { code?: unknown; body?: unknown; message?: string }
  if (typeof code !== 'number') return message ?? String(error)
  try {
    const said: unknown = (typeof body === 'string' ? JSON.parse(body) : body)?.message
    if (typeof said === 'string') return `the API says ${code}: ${said}`
  } catch {
    // A proxy in front of it has answered.
  }
  return `the API says ${code}`
}

/** The cluster that KUBECONFIG names, as far as a case needs it. */
export class Cluster {
  /** What has been done to it and not yet undone, by what it is. */
  readonly #undo = new Map<string, () => Promise<unknown>>()
  readonly #run: Run
  #interrupted = false
  readonly #objects: KubernetesObjectApi
  readonly #authorization: AuthorizationV1Api
  readonly #core: CoreV1Api
  readonly #version: VersionApi
  readonly #watch: Watch
  readonly #strategic: typeof import('@kubernetes/client-node').PatchStrategy.StrategicMergePatch

  private constructor(client: typeof import('@kubernetes/client-node'), run: Run) {
    this.#run = run
    const config = new client.KubeConfig()
    config.loadFromDefault()
    this.#objects = client.KubernetesObjectApi.makeApiClient(config)
    this.#core = config.makeApiClient(client.CoreV1Api)
    this.#authorization = config.makeApiClient(client.AuthorizationV1Api)
    this.#version = config.makeApiClient(client.VersionApi)
    this.#watch = new client.Watch(config)
    this.#strategic = client.PatchStrategy.StrategicMergePatch
  }

  static async open(run: Run): Promise<Cluster> {
    return new Cluster(await import('@kubernetes/client-node'), run)
  }

  async create(manifest: Manifest): Promise<void> {
    const { kind, metadata } = manifest
    const name = `${kind} ${metadata.name}`
    if (this.#interrupted) throw new Error('interrupted')
    const creating = this.#objects.create(manifest as KubernetesObject)
    const live = kind === 'Namespace' ? setInterval(() => this.#beat(metadata.name), beat) : undefined
    // Before it is there: somebody may press Ctrl-C in the meantime.
    if (live) {
      this.#undo.set(name, async () => {
        clearInterval(live)
        await creating.catch(() => {})
        await this.#core.deleteNamespace({ name: metadata.name })
      })
    }
    try {
      await creating
    } catch (error) {
      clearInterval(live)
      this.#undo.delete(name)
      throw new Error(`cannot create ${name}: ${explain(error)}`)
    }
  }

  /** Leaves the cluster as it was. @returns what could not be undone */
  async restore(): Promise<string[]> {
    const left: string[] = []
    for (const [name, undo] of [...this.#undo].toReversed()) {
      this.#undo.delete(name)
      await undo().catch((error) => {
        if ((error as { code?: number }).code !== 404) left.push(`${name} is left as it is: ${explain(error)}`)
      })
    }
    return left
  }

  get isInterrupted(): boolean {
    return this.#interrupted
  }

  /** As `restore()`, and nothing is made any more. */
  interrupt(): Promise<string[]> {
    this.#interrupted = true
    return this.restore()
  }

  /** What other runs have left or are still at work on, but for what is on its way out already. */
  async traces(): Promise<Trace[]> {
    // Nodes first: a run that has cordoned one has had a namespace before.
    const nodes = (await this.#nodes()).flatMap(({ metadata }): Trace[] => {
      const mark = metadata?.annotations?.[cordonedAnnotation]
      if (mark === undefined) return []
      return [{ kind: 'Node', name: metadata?.name ?? '', run: runOf(mark), heartbeat: undefined }]
    })
    const { items } = await this.#core.listNamespace({ labelSelector: runLabel })
    const namespaces = items.flatMap(({ metadata }): Trace[] => {
      if (metadata?.deletionTimestamp !== undefined) return []
      const { name = '', labels, annotations } = metadata ?? {}
      return [{ kind: 'Namespace', name, run: labels?.[runLabel] ?? '', heartbeat: annotations?.[heartbeatAnnotation] }]
    })
    return [...nodes, ...namespaces].filter(({ run }) => run !== this.#run.id)
  }

  /** Removes what a run has left. */
  async remove({ kind, name }: Trace): Promise<void> {
    if (kind === 'Node') await this.#schedulable(name, true)
    else await this.#core.deleteNamespace({ name })
  }

  /** @returns those of the permissions that the account does not have, in this namespace */
  async refused(permissions: readonly Permission[], namespace: string): Promise<Permission[]> {
    const asked = permissions.map(async ({ verb, group, resource, subresource, isClusterWide }) => {
      const where = isClusterWide ? {} : { namespace }
      const resourceAttributes = { verb, group, resource, ...(subresource && { subresource }), ...where }
      const body = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes },
      }
      const { status } = await this.#authorization.createSelfSubjectAccessReview({ body })
      return status?.allowed === true
    })
    const allowed = await Promise.all(asked)
    return permissions.filter((_, index) => !allowed[index])
  }

  /** All replicas are new, and ready, and the old ones are gone. */
  async rolledOut(namespace: string, { workload, replicas }: Case, seconds: number): Promise<void> {
    await this.until(`the pods of ${namespace}`, seconds, async () => {
      if (!(await this.#isAvailable(namespace, workload, 'app', replicas))) return false
      return (await this.pods(namespace)).length === replicas
    })
  }

  /** What stands between clients and pods is there. */
  async proxied(namespace: string, seconds: number): Promise<void> {
    await this.until(`the proxy of ${namespace}`, seconds, () => this.#isAvailable(namespace, 'Deployment', 'proxy', 1))
  }

  async pods(namespace: string): Promise<V1Pod[]> {
    return (await this.#core.listNamespacedPod({ namespace, labelSelector: pods })).items
  }

  /** What `kubectl rollout restart` does. */
  async restart(namespace: string, { workload }: Case): Promise<void> {
    const restartedAt = new Date().toISOString()
    await this.#patchTemplate(namespace, workload, {
      metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': restartedAt } },
    })
  }

  /** A change of the pods, as a deploy makes it. */
  async update(namespace: string, { workload }: Case): Promise<void> {
    const env = [{ name: 'VERSION', value: String(Date.now()) }]
    await this.#patchTemplate(namespace, workload, { spec: { containers: [{ name: 'app', env }] } })
  }

  /** What `kubectl drain` does to the pods of this case on one node, by the eviction API, which asks the PodDisruptionBudget. */
  async drainNode(namespace: string): Promise<void> {
    const [first] = await this.pods(namespace)
    const node = first?.spec?.nodeName
    if (node === undefined) throw new Error('the pods are on no node')
    const free = (await this.#core.listNode()).items.filter(
      ({ spec }) => !spec?.unschedulable && !spec?.taints?.some(({ effect }) => effect !== 'PreferNoSchedule'),
    )
    // Where there is no other node for them, as beside a control plane, the evicted pods have to come back to this one.
    if (free.length > 1 && free.some(({ metadata }) => metadata?.name === node)) {
      if (this.#interrupted) throw new Error('interrupted')
      this.#undo.set(`Node ${node}`, () => this.#schedulable(node, true))
      await this.#schedulable(node, false)
    }
    const evicted = (await this.pods(namespace)).filter(({ spec }) => spec?.nodeName === node)
    for (const { metadata } of evicted) {
      const name = metadata?.name ?? ''
      const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } }
      await this.until(`the eviction of ${name}`, 180, async () => {
        try {
          await this.#core.createNamespacedPodEviction({ name, namespace, body })
          return true
        } catch (error) {
          const { code } = error as { code?: number }
          if (code === 429) return false // the budget is spent: later
          if (code === 404) return true // gone meanwhile
          throw error
        }
      })
    }
  }

  async deletePod(namespace: string, gracePeriodSeconds: number): Promise<void> {
    const [first] = await this.pods(namespace)
    await this.#core.deleteNamespacedPod({ name: first?.metadata?.name ?? '', namespace, gracePeriodSeconds })
  }

  /** Waits until a container has been restarted in its pod. */
  async containerRestarted(namespace: string, seconds: number): Promise<void> {
    await this.until('the restart of a container', seconds, async () =>
      (await this.pods(namespace)).some(({ status }) =>
        status?.containerStatuses?.some(({ restartCount, ready }) => restartCount > 0 && ready),
      ),
    )
  }

  async loading(namespace: string): Promise<void> {
    await this.until('the load to begin', 120, async () => (await this.#log(namespace)).includes('loading'))
  }

  /** Whether the load is over. */
  async loaded(namespace: string): Promise<boolean> {
    const { status } = await this.#objects.read<V1Job>({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'load', namespace },
    })
    return (status?.succeeded ?? 0) + (status?.failed ?? 0) > 0
  }

  /** What came of the load, when it is over. */
  async report(namespace: string, seconds: number): Promise<Report> {
    await this.until('the end of the load', seconds, () => this.loaded(namespace))
    return read(await this.#log(namespace))
  }

  /** Tells of every change of the pods of a case, from now on. @returns what ends it */
  async watch(namespace: string, tell: (type: string, pod: V1Pod) => void): Promise<() => void> {
    const { items, metadata } = await this.#core.listNamespacedPod({ namespace, labelSelector: pods })
    for (const pod of items) tell('ADDED', pod)
    const query = { labelSelector: pods, resourceVersion: metadata?.resourceVersion ?? '' }
    // A watch that ends early is not begun again: what it has not told is unknown.
    const controller = await this.#watch.watch(`/api/v1/namespaces/${namespace}/pods`, query, tell, () => {})
    return () => controller.abort()
  }

  /** Such as `Kubernetes v1.35.0`. */
  async version(): Promise<string> {
    return `Kubernetes ${(await this.#version.getCode()).gitVersion}`
  }

  /** Hooks that failed, as events tell of them. */
  async failedHooks(namespace: string): Promise<FailedHook[]> {
    const { items } = await this.#core.listNamespacedEvent({ namespace, fieldSelector: 'reason=FailedPreStopHook' })
    return items.map(({ message, involvedObject, firstTimestamp, lastTimestamp, eventTime }) => ({
      t: new Date(firstTimestamp ?? lastTimestamp ?? eventTime ?? Date.now()).getTime(),
      pod: involvedObject.name ?? '',
      message: message ?? '',
    }))
  }

  /** What Kubernetes has warned of, for whoever wants to know why a case has failed. */
  async warnings(namespace: string): Promise<string[]> {
    const { items } = await this.#core.listNamespacedEvent({ namespace, fieldSelector: 'type=Warning' })
    return [...new Set(items.map(({ reason, message }) => `${reason}: ${message}`))].slice(0, 5)
  }

  /** The logs of all pods of the case. */
  async logs(namespace: string): Promise<string> {
    const pods = await this.pods(namespace)
    const logs = pods.map(({ metadata }) => this.#core.readNamespacedPodLog({ name: metadata?.name ?? '', namespace }))
    return (await Promise.all(logs)).join('\n')
  }

  async until(what: string, seconds: number, done: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + seconds * 1000
    while (!(await done())) {
      if (performance.now() > end) throw new Error(`waited ${seconds} s in vain for ${what}`)
      await sleep(500)
    }
  }

  async #log(namespace: string): Promise<string> {
    const { items } = await this.#core.listNamespacedPod({ namespace, labelSelector: 'app=podrain-e2e-load' })
    const [pod] = items
    const phase = pod?.status?.phase
    if (!pod?.metadata?.name || phase === 'Pending' || phase === undefined) return ''
    return this.#core.readNamespacedPodLog({ name: pod.metadata.name, namespace })
  }

  /** None for an account that may not list them: it has cordoned none. */
  async #nodes(): Promise<V1Node[]> {
    try {
      return (await this.#core.listNode()).items
    } catch (error) {
      if ((error as { code?: number }).code === 403) return []
      throw error
    }
  }

  async #isAvailable(namespace: string, kind: Case['workload'], name: string, replicas: number): Promise<boolean> {
    const { status, metadata } = await this.#objects.read<V1Deployment | V1StatefulSet>({
      apiVersion: 'apps/v1',
      kind,
      metadata: { name, namespace },
    })
    const seen = (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 1)
    return seen && status?.updatedReplicas === replicas && status.availableReplicas === replicas
  }

  /** Says that the run is alive. A sign that is lost is followed by another. */
  async #beat(name: string): Promise<void> {
    const annotations = { [heartbeatAnnotation]: new Date().toISOString() }
    await this.#patch({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, annotations } }).catch(() => {})
  }

  async #schedulable(node: string, schedulable: boolean): Promise<void> {
    const { id, host } = this.#run
    const mark = JSON.stringify({ run: id, host, at: new Date().toISOString() })
    // The API takes null for "no such annotation", which the type does not know.
    const annotations = { [cordonedAnnotation]: schedulable ? (null as never) : mark }
    const spec = { unschedulable: !schedulable }
    await this.#patch({ apiVersion: 'v1', kind: 'Node', metadata: { name: node, annotations }, spec })
  }

  async #patchTemplate(namespace: string, kind: Case['workload'], template: object): Promise<void> {
    const spec = { template }
    await this.#patch({ apiVersion: 'apps/v1', kind, metadata: { name: 'app', namespace }, spec })
  }

  async #patch(change: KubernetesObject & { spec?: object }): Promise<void> {
    await this.#objects.patch(change, undefined, undefined, undefined, undefined, this.#strategic)
  }
}

function runOf(mark: string): string {
  try {
    return String(JSON.parse(mark).run)
  } catch {
    return '' // changed by hand
  }
}
