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

/** A preStop hook that failed. `t` is the time in milliseconds since 1970. */
export interface FailedHook {
  readonly t: number
  readonly pod: string
  readonly message: string
}

const pods = 'app=podrain-e2e'
/** Milliseconds from one heartbeat of a run to the next. */
const beat = 10_000

/** A namespace of another run, or a node that another run has cordoned. */
export interface Trace {
  readonly kind: 'Namespace' | 'Node'
  readonly name: string
  /** The id of the other run. */
  readonly run: string
  /** The last heartbeat of a namespace; undefined for a node. */
  readonly heartbeat: string | undefined
}

/** An error in one line. An error of the API has its status and its message. */
export function explain(error: unknown): string {
  const { code, body, message } = error as { code?: unknown; body?: unknown; message?: string }
  if (typeof code !== 'number') return message ?? String(error)
  try {
    const said: unknown = (typeof body === 'string' ? JSON.parse(body) : body)?.message
    if (typeof said === 'string') return `the API says ${code}: ${said}`
  } catch {
    // The body is not JSON, so it is the response of a proxy in front of the API.
  }
  return `the API says ${code}`
}

/** The cluster of KUBECONFIG, with the calls that the cases need. */
export class Cluster {
  /** The functions that undo what the run has changed, by kind and name of the object. */
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
    // Registered before the namespace exists, because Ctrl-C may come meanwhile.
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

  /** Undoes all changes. @returns A line for each change that could not be undone. */
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

  /** As `restore()`. From now on `create()` fails. */
  interrupt(): Promise<string[]> {
    this.#interrupted = true
    return this.restore()
  }

  /** The namespaces and cordoned nodes of other runs, without namespaces that are being deleted. */
  async traces(): Promise<Trace[]> {
    // Nodes are listed first. The namespace of the run that has cordoned a node exists longer than the cordon, so it is listed, too.
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

  /** Deletes a namespace of another run, or uncordons a node. */
  async remove({ kind, name }: Trace): Promise<void> {
    if (kind === 'Node') await this.#schedulable(name, true)
    else await this.#core.deleteNamespace({ name })
  }

  /** @returns The permissions that the account does not have in the namespace. */
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

  /** Resolves when all replicas are new and ready, and the old pods are gone. */
  async rolledOut(namespace: string, { workload, replicas }: Case, seconds: number): Promise<void> {
    await this.until(`the pods of ${namespace}`, seconds, async () => {
      if (!(await this.#isAvailable(namespace, workload, 'app', replicas))) return false
      return (await this.pods(namespace)).length === replicas
    })
  }

  /** Resolves when the proxy is available. */
  async proxied(namespace: string, seconds: number): Promise<void> {
    await this.until(`the proxy of ${namespace}`, seconds, () => this.#isAvailable(namespace, 'Deployment', 'proxy', 1))
  }

  async pods(namespace: string): Promise<V1Pod[]> {
    return (await this.#core.listNamespacedPod({ namespace, labelSelector: pods })).items
  }

  /** Changes the Pod template as `kubectl rollout restart` does. */
  async restart(namespace: string, { workload }: Case): Promise<void> {
    const restartedAt = new Date().toISOString()
    await this.#patchTemplate(namespace, workload, {
      metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': restartedAt } },
    })
  }

  /** Changes the Pod template as a deploy does. */
  async update(namespace: string, { workload }: Case): Promise<void> {
    const env = [{ name: 'VERSION', value: String(Date.now()) }]
    await this.#patchTemplate(namespace, workload, { spec: { containers: [{ name: 'app', env }] } })
  }

  /** Evicts the pods of this case from one node, as `kubectl drain` does: with the eviction API, which honours PodDisruptionBudgets. */
  async drainNode(namespace: string): Promise<void> {
    const [first] = await this.pods(namespace)
    const node = first?.spec?.nodeName
    if (node === undefined) throw new Error('the pods are on no node')
    const free = (await this.#core.listNode()).items.filter(
      ({ spec }) => !spec?.unschedulable && !spec?.taints?.some(({ effect }) => effect !== 'PreferNoSchedule'),
    )
    // The node is cordoned only if there is another one. Otherwise, as beside a control plane, the new pods must run on this node.
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
          if (code === 429) return false // the PodDisruptionBudget allows no eviction now
          if (code === 404) return true // the pod is gone
          throw error
        }
      })
    }
  }

  async deletePod(namespace: string, gracePeriodSeconds: number): Promise<void> {
    const [first] = await this.pods(namespace)
    await this.#core.deleteNamespacedPod({ name: first?.metadata?.name ?? '', namespace, gracePeriodSeconds })
  }

  /** Resolves when a container was restarted in its pod. */
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

  /** The report of the load, when the load is over. */
  async report(namespace: string, seconds: number): Promise<Report> {
    await this.until('the end of the load', seconds, () => this.loaded(namespace))
    return read(await this.#log(namespace))
  }

  /** Calls `tell` for every pod of a case, and for every change from now on. @returns The function that ends the watch. */
  async watch(namespace: string, tell: (type: string, pod: V1Pod) => void): Promise<() => void> {
    const { items, metadata } = await this.#core.listNamespacedPod({ namespace, labelSelector: pods })
    for (const pod of items) tell('ADDED', pod)
    const query = { labelSelector: pods, resourceVersion: metadata?.resourceVersion ?? '' }
    // A watch that ends early is not started again, because the changes meanwhile would be missing.
    const controller = await this.#watch.watch(`/api/v1/namespaces/${namespace}/pods`, query, tell, () => {})
    return () => controller.abort()
  }

  /** The version of the cluster, such as `Kubernetes v1.35.0`. */
  async version(): Promise<string> {
    return `Kubernetes ${(await this.#version.getCode()).gitVersion}`
  }

  /** The hooks that failed, from the Events of the namespace. */
  async failedHooks(namespace: string): Promise<FailedHook[]> {
    const { items } = await this.#core.listNamespacedEvent({ namespace, fieldSelector: 'reason=FailedPreStopHook' })
    return items.map(({ message, involvedObject, firstTimestamp, lastTimestamp, eventTime }) => ({
      t: new Date(firstTimestamp ?? lastTimestamp ?? eventTime ?? Date.now()).getTime(),
      pod: involvedObject.name ?? '',
      message: message ?? '',
    }))
  }

  /** Up to five different warnings among the Events of the namespace. They may say why a case failed. */
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
      if (performance.now() > end) throw new Error(`gave up after ${seconds} s of waiting for ${what}`)
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

  /** All nodes; none if the account may not list nodes. Such an account cannot have cordoned a node. */
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

  /** Changes the heartbeat of a namespace. A failure does not matter, because the next heartbeat follows. */
  async #beat(name: string): Promise<void> {
    const annotations = { [heartbeatAnnotation]: new Date().toISOString() }
    await this.#patch({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, annotations } }).catch(() => {})
  }

  async #schedulable(node: string, schedulable: boolean): Promise<void> {
    const { id, host } = this.#run
    const mark = JSON.stringify({ run: id, host, at: new Date().toISOString() })
    // `null` removes an annotation. The type does not allow `null`.
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
    return '' // somebody has changed the annotation by hand
  }
}
