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

/** One pod of the Deployment. Its container may be restarted; the pod, its name and its address stay. */
export interface Replica {
  readonly endpoint: Endpoint
  /** Whether it was there before the scenario began. */
  readonly old: boolean
  /** Its number among the old ones, or the new ones, from 1. */
  readonly number: number
  readonly address: Address
  /** The process that runs now, and the kubelet that looks after it. */
  pod: Pod
  kubelet: Kubelet
  /** Ready for as long as `minReadySeconds` asks of a new pod; what was there before the scenario has been for long. */
  available: boolean
  /** How long its container waits when it has to be started again. */
  readonly backOff: BackOff
  /**
   * What was done to it last: `deleted` and `failed` pods are going for good, a `restarting` one comes back. One that is `waiting`
   * was started so often that its next start has to wait.
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

/** The kubelet lists its containers once a second, so a dead one goes unnoticed for half of that on average. */
const noticeDelay = 500

/** A probe that asks for a connection and nothing more. */
const connection: Probe = {
  path: null,
  initialDelaySeconds: 0,
  periodSeconds: 0.2,
  successThreshold: 1,
  failureThreshold: 1,
  timeoutSeconds: 1,
}

/** Last lines of each pod that are part of the result. */
const toldLines = 20

/** The pods, and what can be done to them. Scenarios are written in its terms. */
export class Cluster {
  readonly #plan: ClusterPlan
  readonly #env: Readonly<Record<string, string>>
  readonly #addresses: Addresses
  readonly #service: Nodes
  readonly #record: Recorder
  readonly #fail: (error: Error) => void
  readonly #pods: Replica[] = []
  /** Pods asked for, of both kinds; a pod counts before its process is there. */
  readonly #created = { old: 0, new: 0 }
  readonly #closing = new AbortController()
  readonly #starting: Promise<void>[] = []
  #noticing = false
  #onChange: () => void = () => {}

  /** `fail` is called, perhaps more than once, when a pod cannot start, ends by itself or does not become ready. */
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
    // Every pod that waits for its start listens.
    setMaxListeners(0, this.#closing.signal)
  }

  /** Every pod there ever was, in the order their processes were started. */
  get pods(): readonly Replica[] {
    return this.#pods
  }

  /** How many pods were asked for before and since the scenario began. */
  get created(): { readonly old: number; readonly new: number } {
    return this.#created
  }

  count(matches: (replica: Replica) => boolean): number {
    return this.#pods.filter(matches).length
  }

  /** Starts the old pods. Resolves when all of them are ready and known to the clients. */
  async start(): Promise<void> {
    const { replicas } = this.#plan
    while (this.#created.old < replicas) this.#create(true)
    await this.until(() => this.count(isReady) === replicas)
  }

  /** What is there before the scenario begins has been known for long; from now on every change is late. */
  noticeFromNowOn(): void {
    this.#noticing = true
  }

  /** Resolves when `condition` holds; it is looked at now and after every change. */
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

  /** Creates one more pod. `number`: that of the old one whose place it takes, where that matters. */
  create(number?: number): void {
    this.#create(false, number)
  }

  /** Deletes a pod: the kubelet and the endpoints are told at the same moment. */
  delete(replica: Replica, graceSeconds?: number): void {
    const { endpoint, kubelet, state } = replica
    replica.state = 'deleted'
    if (state === 'waiting') {
      this.#record({ type: 'pod-deleted', pod: endpoint.name })
      this.#leave(replica)
      // It is gone as soon as it is deleted, and whoever has deleted it may be looking at the pods right now.
      queueMicrotask(() => this.#onChange())
    } else {
      this.#service.update(endpoint, { serving: kubelet.ready, terminating: true })
      void kubelet.terminate({ graceSeconds })
    }
  }

  /** The kubelet ends a pod that nobody has deleted: the endpoints learn of it when its process is gone. */
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
    await this.#again(replica)
  }

  /** The container dies without a warning. The kubelet notices when it next looks, and starts it again in the same pod. */
  async crash(replica: Replica): Promise<void> {
    replica.state = 'restarting'
    this.#record({ type: 'container-killed', pod: replica.endpoint.name, reason: 'crash' })
    replica.pod.signal('SIGKILL')
    await replica.pod.exited
    await this.#pause(noticeDelay)
    await this.#again(replica)
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

  #create(old: boolean, itsNumber?: number): void {
    const count = old ? ++this.#created.old : ++this.#created.new
    const number = itsNumber ?? count
    const start = async () => {
      const address = await this.#addresses.next()
      if (this.#noticing) await this.#pause(this.#plan.startDelay)
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
        if (this.#noticing) this.#service.update(endpoint, conditions)
        else this.#service.apply(endpoint, conditions)
        this.#judge(replica)
      },
      onUnhealthy: () => this.#restartUnhealthy(replica),
    })
    const replica: Replica = {
      ...{ endpoint, old, number, address, ...container },
      ...{ available: false, backOff: new BackOff(), state: 'running' },
    }
    this.#pods.push(replica)
    this.#look(replica)
  }

  /** Whether the pod is available now, or when it will be if it stays ready. */
  #judge(replica: Replica): void {
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

  /** A liveness or startup probe has failed: the kubelet ends the container and starts it again, unless its pod is going. */
  #restartUnhealthy(replica: Replica): void {
    if (replica.state === 'running' && !this.#closed) void this.restart(replica)
  }

  /** Starts the container again, as soon as its back-off allows. Resolves when it is ready, or will never be. */
  async #again(replica: Replica): Promise<void> {
    const { endpoint, old, address, backOff } = replica
    if (this.#closed) return
    // Its pod was deleted meanwhile: nothing is started in it any more.
    if (isGoing(replica)) {
      this.#leave(replica)
      return this.#onChange()
    }
    this.#service.update(endpoint, { serving: false, terminating: false })
    const wait = backOff.endedAt(performance.now())
    if (wait > 0) {
      this.#record({ type: 'back-off', pod: endpoint.name, seconds: wait / 1000 })
      replica.state = 'waiting'
      await this.#pause(wait)
      if (this.#closed || isGoing(replica)) return
    }
    await new Promise<void>((resolve) => {
      const container = this.#container(endpoint.name, old, address, {
        onReadiness: (ready) => {
          this.#service.update(endpoint, { serving: ready, terminating: replica.state === 'deleted' })
          this.#judge(replica)
          resolve()
        },
        onUnhealthy: () => this.#restartUnhealthy(replica),
      })
      replica.pod = container.pod
      replica.kubelet = container.kubelet
      replica.state = 'running'
      this.#look(replica)
    })
  }

  #container(name: string, old: boolean, address: Address, listener: ContainerListener) {
    const pod = new Pod(name, old, { ...this.#plan, env: this.#env }, address)
    // Pods that are there when the scenario begins have long been serving, with or without a probe.
    const readinessProbe = this.#plan.readinessProbe ?? (this.#noticing ? null : connection)
    const kubelet = new Kubelet(pod, { ...this.#plan, readinessProbe }, this.#record, {
      ...listener,
      onReadiness: (ready) => {
        listener.onReadiness(ready)
        this.#onChange()
      },
    })
    return { pod, kubelet }
  }

  /** Looks after a container that was just started, to its end. */
  #look(replica: Replica): void {
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
          this.#record({ type: 'pod-output', pod: pod.name, lines: pod.output.slice(-toldLines) })
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

function isGoing({ state }: Replica): boolean {
  return state === 'deleted' || state === 'failed'
}

/** Whether a pod is ready. */
export function isReady({ state, kubelet }: Replica): boolean {
  return state === 'running' && kubelet.ready
}

/** Whether a pod counts as available, as the Deployment controller sees it. */
export function isAvailable({ state, available }: Replica): boolean {
  return state === 'running' && available
}

function podError(pod: Pod, what: string): Error {
  const output = pod.output.length === 0 ? ' It wrote nothing.' : ` Its last output:\n${pod.output.join('\n')}`
  return new Error(`Pod ${pod.name} ${what}.${output}`)
}
