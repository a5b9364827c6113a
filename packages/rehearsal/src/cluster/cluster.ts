import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Endpoint } from '../load/endpoint.js'
import type { Probe, RehearsalPlan } from '../plan/options.js'
import type { Address, Addresses } from '../pods/address.js'
import { Pod } from '../pods/pod.js'
import type { Recorder } from '../timeline/events.js'
import { BackOff } from './kubelet/back-off.js'
import { type ContainerListener, Kubelet, type Termination } from './kubelet/kubelet.js'
import type { Nodes } from './nodes.js'

/** One pod of the workload. When its container is restarted, the pod keeps its name and its address. */
export interface Replica {
  readonly endpoint: Endpoint
  /** Whether the pod was created before the scenario began. */
  readonly old: boolean
  /** Its number among the old pods, or among the new ones, from 1. */
  readonly number: number
  readonly address: Address
  /** The process that runs now. A restart replaces it and its kubelet. */
  pod: Pod
  kubelet: Kubelet
  /** Ready for at least `minReadySeconds`. An old pod is available as soon as it is ready. */
  available: boolean
  /** How long its container waits before it is started again. */
  readonly backOff: BackOff
  /**
   * `deleted` and `failed` pods end for good. The container of a `restarting` pod is ending and is started again. The container of
   * a `waiting` pod has ended and waits for its back-off.
   */
  state: 'running' | 'deleted' | 'failed' | 'restarting' | 'waiting'
}

/** The parts of a plan that describe the pods. */
export type ClusterPlan = Pick<
  RehearsalPlan,
  | 'command'
  | 'args'
  | 'cwd'
  | 'portEnv'
  | 'tls'
  | 'netns'
  | 'pidNamespace'
  | 'logs'
  | 'replicas'
  | 'terminationGracePeriodSeconds'
  | 'minReadySeconds'
  | 'readinessProbe'
  | 'livenessProbe'
  | 'startupProbe'
  | 'preStop'
  | 'startDelay'
  | 'startupTimeout'
>

/** ms. The kubelet lists its containers once a second, so it notices a dead one half a second late on average. */
const noticeDelay = 500

/** A TCP probe. */
const connection: Probe = {
  path: null,
  initialDelaySeconds: 0,
  periodSeconds: 0.2,
  successThreshold: 1,
  failureThreshold: 1,
  timeoutSeconds: 1,
}

/** How many of the last lines of output of each pod are part of the result. */
const recordedLines = 20

/** The pods, and the operations on them that scenarios consist of. */
export class Cluster {
  readonly #plan: ClusterPlan
  readonly #env: Readonly<Record<string, string>>
  readonly #addresses: Addresses
  readonly #service: Nodes
  readonly #record: Recorder
  readonly #fail: (error: Error) => void
  readonly #pods: Replica[] = []
  /** Pods created so far, old and new. A pod counts before its process is started. */
  readonly #created = { old: 0, new: 0 }
  readonly #closing = new AbortController()
  readonly #starting: Promise<void>[] = []
  /** Whether the clients learn of changes late. */
  #late = false
  #onChange: () => void = () => {}

  /** `fail` may be called more than once: when a pod cannot start, ends by itself or does not become ready. */
  constructor(
    plan: ClusterPlan,
    env: Readonly<Record<string, string>>,
    addresses: Addresses,
    service: Nodes,
    record: Recorder,
    fail: (error: Error) => void,
  ) {
    this.#plan = plan
    this.#env = env
    this.#addresses = addresses
    this.#service = service
    this.#record = record
    this.#fail = fail
    // Every pod that waits for its start adds a listener: without this, more than 10 would make Node warn.
    setMaxListeners(0, this.#closing.signal)
  }

  /** All pods, also those that have ended, in the order in which their processes were started. */
  get pods(): readonly Replica[] {
    return this.#pods
  }

  /** How many pods were created before the scenario began, and since. */
  get created(): { readonly old: number; readonly new: number } {
    return this.#created
  }

  count(matches: (replica: Replica) => boolean): number {
    return this.#pods.filter(matches).length
  }

  /** Starts the old pods. Resolves when all of them are ready and the clients know them. */
  async start(): Promise<void> {
    const { replicas } = this.#plan
    while (this.#created.old < replicas) this.#create(true)
    await this.until(() => this.count(isReady) === replicas)
  }

  /** The scenario begins: from now on the clients learn of each change late. They have known the old pods for long. */
  beginScenario(): void {
    this.#late = true
  }

  /** Resolves when `condition` holds. The condition is checked now and after every change. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onChange = () => {
        try {
          if (condition()) resolve()
        } catch (error) {
          reject(error)
        }
      }
      this.#onChange()
    })
  }

  /** Creates one more pod. `number` is the number of the pod that it replaces, for a StatefulSet. */
  create(number?: number): void {
    this.#create(false, number)
  }

  /** Deletes a pod: the kubelet and the endpoints learn of it at the same time. */
  delete(replica: Replica, graceSeconds?: number): void {
    const { endpoint, kubelet, state } = replica
    replica.state = 'deleted'
    if (state === 'waiting') {
      this.#record({ type: 'pod-deleted', pod: endpoint.name })
      this.#leave(replica)
      // The pod is gone at once. The caller may be inside `until`, so the change is announced after it returns.
      queueMicrotask(() => this.#onChange())
    } else {
      this.#service.update(endpoint, { serving: kubelet.ready, terminating: true })
      void kubelet.terminate({ graceSeconds })
    }
  }

  /** The kubelet ends a pod that nobody has deleted. The endpoints learn of it when its process is gone. */
  evict(replica: Replica, termination: Termination & { reason: 'node shutdown' | 'eviction' }): void {
    const { kubelet, state } = replica
    replica.state = 'failed'
    if (state === 'waiting') this.#leave(replica)
    else void kubelet.terminate(termination)
  }

  /** The kubelet ends the container as after a failed liveness probe, and starts it again in the same pod. */
  async restart(replica: Replica): Promise<void> {
    replica.state = 'restarting'
    await replica.kubelet.terminate({ reason: 'liveness' })
    await this.#startAgain(replica)
  }

  /** The container dies without a warning. The kubelet notices it the next time it lists its containers, and starts it again in the same pod. */
  async crash(replica: Replica): Promise<void> {
    replica.state = 'restarting'
    this.#record({ type: 'container-killed', pod: replica.endpoint.name, reason: 'crash' })
    replica.pod.signal('SIGKILL')
    await replica.pod.exited
    await this.#pause(noticeDelay)
    await this.#startAgain(replica)
  }

  /** Ends every pod at once, without hook or SIGTERM. Resolves when no process is left. */
  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all(this.#starting)
    for (const { pod } of this.#pods) pod.signal('SIGKILL')
    await Promise.all(this.#pods.map(({ pod }) => Promise.all([pod.exited, pod.written])))
    await Promise.all(this.#pods.map(({ address }) => address.release()))
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted
  }

  #create(old: boolean, replacedNumber?: number): void {
    const count = old ? ++this.#created.old : ++this.#created.new
    const number = replacedNumber ?? count
    const start = async () => {
      const address = await this.#addresses.next()
      if (this.#late) await this.#pause(this.#plan.startDelay)
      if (this.#closed) return address.release()
      const { host, port } = address
      const endpoint = { name: `${old ? 'old' : 'new'}-${number}`, host, port, tls: this.#plan.tls }
      this.#adopt(endpoint, old, number, address)
    }
    this.#starting.push(start().catch(this.#fail))
  }

  #adopt(endpoint: Endpoint, old: boolean, number: number, address: Address): void {
    const container = this.#container(endpoint.name, old, address, {
      onReadiness: (ready) => {
        const conditions = { serving: ready, terminating: replica.state === 'deleted' }
        if (this.#late) this.#service.update(endpoint, conditions)
        else this.#service.apply(endpoint, conditions)
        this.#updateAvailability(replica)
      },
      onUnhealthy: () => this.#restartUnhealthy(replica),
    })
    const replica: Replica = {
      ...{ endpoint, old, number, address, ...container },
      ...{ available: false, backOff: new BackOff(), state: 'running' },
    }
    this.#pods.push(replica)
    this.#watch(replica)
  }

  /** Sets `available` now, or after `minReadySeconds` if the pod stays ready. */
  #updateAvailability(replica: Replica): void {
    const seconds = replica.old ? 0 : this.#plan.minReadySeconds
    replica.available = replica.kubelet.ready && seconds === 0
    if (!replica.kubelet.ready || seconds === 0) return
    const { kubelet } = replica
    void this.#pause(seconds * 1000).then(() => {
      if (this.#closed || replica.kubelet !== kubelet || !kubelet.ready) return
      replica.available = true
      this.#onChange()
    })
  }

  /** A liveness or startup probe has failed: the kubelet restarts the container, unless it is ending already. */
  #restartUnhealthy(replica: Replica): void {
    if (replica.state === 'running' && !this.#closed) void this.restart(replica)
  }

  /** Starts the container again when its back-off is over. Resolves when it is ready, or when the pod is ending or the rehearsal is over. */
  async #startAgain(replica: Replica): Promise<void> {
    const { endpoint, old, address, backOff } = replica
    if (this.#closed) return
    // The pod was deleted in the meantime, so its container is not started again.
    if (isEnding(replica)) {
      this.#leave(replica)
      return this.#onChange()
    }
    this.#service.update(endpoint, { serving: false, terminating: false })
    const wait = backOff.endedAt(performance.now())
    if (wait > 0) {
      this.#record({ type: 'back-off', pod: endpoint.name, seconds: wait / 1000 })
      replica.state = 'waiting'
      await this.#pause(wait)
      if (this.#closed || isEnding(replica)) return
    }
    await new Promise<void>((resolve) => {
      const container = this.#container(endpoint.name, old, address, {
        onReadiness: (ready) => {
          this.#service.update(endpoint, { serving: ready, terminating: replica.state === 'deleted' })
          this.#updateAvailability(replica)
          resolve()
        },
        onUnhealthy: () => this.#restartUnhealthy(replica),
      })
      replica.pod = container.pod
      replica.kubelet = container.kubelet
      replica.state = 'running'
      this.#watch(replica)
    })
  }

  #container(name: string, old: boolean, address: Address, listener: ContainerListener) {
    const pod = new Pod(name, old, { ...this.#plan, env: this.#env }, address)
    // Old pods must be serving before the scenario begins, so one without a readiness probe gets a TCP probe.
    const readinessProbe = this.#plan.readinessProbe ?? (this.#late ? null : connection)
    const kubelet = new Kubelet(pod, { ...this.#plan, readinessProbe }, this.#record, {
      ...listener,
      onReadiness: (ready) => {
        listener.onReadiness(ready)
        this.#onChange()
      },
    })
    return { pod, kubelet }
  }

  /** Probes a container that was just started, and records its start and its end. */
  #watch(replica: Replica): void {
    const { pod, kubelet } = replica
    const { startupTimeout } = this.#plan
    this.#record({ type: 'pod-start', pod: pod.name, old: pod.old, host: pod.host, port: pod.port })
    const timer = setTimeout(() => {
      if (kubelet.hasBeenReady) return
      this.#fail(podError(pod, `was not ready after ${startupTimeout} ms (${kubelet.lastProbe})`))
    }, startupTimeout)
    void kubelet.probe()
    void pod.exited.then(({ code, signal, error }) => {
      clearTimeout(timer)
      this.#record({ type: 'pod-exit', pod: pod.name, code, signal })
      void pod.written.then(() => {
        if (pod.output.length > 0)
          this.#record({ type: 'pod-output', pod: pod.name, lines: pod.output.slice(-recordedLines) })
      })
      if (this.#closed) return
      if (replica.state === 'running') {
        const how = error === undefined ? `ended by itself with ${signal ?? `code ${code}`}` : `did not start: ${error}`
        void pod.written.then(() => this.#fail(podError(pod, how)))
      } else if (replica.state !== 'restarting') this.#leave(replica)
      this.#onChange()
    })
  }

  /** The pod is gone for good. */
  #leave({ endpoint, address }: Replica): void {
    if (!this.#plan.netns) this.#service.gone(endpoint)
    void address.release()
    this.#service.update(endpoint, null)
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#closing.signal }).catch(() => {})
  }
}

function isEnding({ state }: Replica): boolean {
  return state === 'deleted' || state === 'failed'
}

export function isReady({ state, kubelet }: Replica): boolean {
  return state === 'running' && kubelet.ready
}

/** Whether the Deployment or StatefulSet controller counts the pod as available. */
export function isAvailable({ state, available }: Replica): boolean {
  return state === 'running' && available
}

function podError(pod: Pod, what: string): Error {
  const output = pod.output.length === 0 ? ' It wrote nothing.' : ` Its last output:\n${pod.output.join('\n')}`
  return new Error(`Pod ${pod.name} ${what}.${output}`)
}
