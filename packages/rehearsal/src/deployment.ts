import type { Recorder } from './events.js'
import { Kubelet } from './kubelet.js'
import type { RehearsalPlan } from './options.js'
import { Pod } from './pod.js'
import type { Service } from './service.js'

interface Replica {
  readonly pod: Pod
  readonly kubelet: Kubelet
  deleted: boolean
}

/** The parts of a plan that describe the Deployment. */
export type DeploymentPlan = Pick<
  RehearsalPlan,
  | 'command'
  | 'args'
  | 'cwd'
  | 'replicas'
  | 'maxSurge'
  | 'maxUnavailable'
  | 'terminationGracePeriodSeconds'
  | 'readinessProbe'
  | 'preStop'
  | 'startupTimeout'
>

/** Runs N pods and replaces them as the Deployment controller does. */
export class Deployment {
  readonly #plan: DeploymentPlan
  readonly #env: Readonly<Record<string, string>>
  readonly #service: Service
  readonly #record: Recorder
  readonly #fail: (error: Error) => void
  readonly #replicas: Replica[] = []
  /** Pods asked for, of both kinds; a pod counts before its process is there. */
  readonly #started = { old: 0, new: 0 }
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #starting: Promise<void>[] = []
  #rolling = false
  #closed = false
  #onProgress: () => void = () => {}

  /** `fail` is called, perhaps more than once, when a pod cannot start, ends by itself or does not become ready. */
  constructor(
    plan: DeploymentPlan,
    env: Readonly<Record<string, string>>,
    service: Service,
    record: Recorder,
    fail: (error: Error) => void,
  ) {
    this.#plan = plan
    this.#env = env
    this.#service = service
    this.#record = record
    this.#fail = fail
  }

  /** Starts the old pods. Resolves when all of them are ready and known to the clients. */
  async start(): Promise<void> {
    const ready = this.#until(() => this.#count((replica) => replica.kubelet.ready) === this.#plan.replicas)
    while (this.#started.old < this.#plan.replicas) this.#startPod(true)
    await ready
  }

  /** Replaces every old pod. Resolves when the last old process is gone and all new pods are ready. */
  async roll(): Promise<void> {
    const { replicas } = this.#plan
    const done = this.#until(
      () =>
        this.#started.new === replicas &&
        this.#count(({ pod }) => pod.old && !pod.gone.aborted) === 0 &&
        this.#count(({ pod, kubelet }) => !pod.old && kubelet.ready) === replicas,
    )
    this.#rolling = true
    this.#reconcile()
    await done
  }

  /** Ends every pod at once, without hook or SIGTERM. Resolves when no process is left. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#starting)
    for (const timer of this.#timers) clearTimeout(timer)
    for (const { pod } of this.#replicas) pod.signal('SIGKILL')
    await Promise.all(this.#replicas.map(({ pod }) => Promise.all([pod.exited, pod.written])))
  }

  #reconcile(): void {
    if (this.#rolling && !this.#closed) {
      const { replicas, maxSurge, maxUnavailable } = this.#plan
      const deleted = this.#count((replica) => replica.deleted)
      const free = replicas + maxSurge - (this.#started.old + this.#started.new - deleted)
      for (let pods = Math.min(free, replicas - this.#started.new); pods > 0; pods--) this.#startPod(false)

      const minAvailable = replicas - maxUnavailable
      const available = () => this.#count((replica) => !replica.deleted && replica.kubelet.ready)
      for (const replica of this.#replicas) {
        if (!replica.pod.old || replica.deleted) continue
        // An old pod that is not ready is no loss to availability, as long as enough others are.
        const remaining = available() - (replica.kubelet.ready ? 1 : 0)
        if (remaining >= minAvailable) this.#delete(replica)
      }
      // A deleted pod no longer counts, so its place is free at once.
      if (this.#count((replica) => replica.deleted) > deleted) this.#reconcile()
    }
    this.#onProgress()
  }

  #delete(replica: Replica): void {
    replica.deleted = true
    const { pod, kubelet } = replica
    this.#service.update(pod, { serving: kubelet.ready, terminating: true })
    void kubelet.terminate()
  }

  #startPod(old: boolean): void {
    const number = old ? ++this.#started.old : ++this.#started.new
    const name = `${old ? 'old' : 'new'}-${number}`
    const starting = Pod.start(name, old, { ...this.#plan, env: this.#env })
    this.#starting.push(starting.then((pod) => this.#adopt(pod)).catch(this.#fail))
  }

  #adopt(pod: Pod): void {
    const { startupTimeout } = this.#plan
    const kubelet: Kubelet = new Kubelet(pod, this.#plan, this.#record, (ready) => {
      clearTimeout(timer)
      const conditions = { serving: ready, terminating: replica.deleted }
      // What is there before the update begins has been known for long.
      if (this.#rolling) this.#service.update(pod, conditions)
      else this.#service.apply(pod, conditions)
      this.#reconcile()
    })
    const replica: Replica = { pod, kubelet, deleted: false }
    this.#replicas.push(replica)
    this.#record({ type: 'pod-start', pod: pod.name, old: pod.old, host: pod.host, port: pod.port })
    const timer = setTimeout(() => {
      this.#fail(podError(pod, `was not ready after ${startupTimeout} ms (${kubelet.lastProbe})`))
    }, startupTimeout)
    this.#timers.add(timer)
    void kubelet.probe()
    void pod.exited.then(({ code, signal, error }) => {
      clearTimeout(timer)
      this.#record({ type: 'pod-exit', pod: pod.name, code, signal })
      if (this.#closed) return
      if (!replica.deleted) {
        const how = error === undefined ? `ended by itself with ${signal ?? `code ${code}`}` : `did not start: ${error}`
        void pod.written.then(() => this.#fail(podError(pod, how)))
      }
      this.#service.update(pod, null)
      this.#reconcile()
    })
  }

  #count(matches: (replica: Replica) => boolean): number {
    return this.#replicas.filter(matches).length
  }

  /** Resolves as soon as `condition` holds; it is looked at after every change. */
  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#onProgress = () => {
        if (condition()) resolve()
      }
    })
  }
}

function podError(pod: Pod, what: string): Error {
  const output = pod.output.length === 0 ? ' It wrote nothing.' : ` Its last output:\n${pod.output.join('\n')}`
  return new Error(`Pod ${pod.name} ${what}.${output}`)
}
