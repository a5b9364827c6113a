import { setTimeout as sleep } from 'node:timers/promises'
import type { PreStop, Probe } from '../../plan/options.js'
import type { Pod } from '../../pods/pod.js'
import type { KillReason, Recorder } from '../../timeline/events.js'
import { Prober } from './prober.js'
import { sendHook } from './request.js'

/** What the kubelet reads from the pod's spec. */
export interface KubeletOptions {
  readonly terminationGracePeriodSeconds: number
  /** null: the pod is ready as soon as it has started. */
  readonly readinessProbe: Readonly<Probe> | null
  readonly livenessProbe: Readonly<Probe> | null
  readonly startupProbe: Readonly<Probe> | null
  readonly preStop: PreStop | null
}

/** What the kubelet reports about a container. */
export interface ContainerListener {
  onReadiness(ready: boolean): void
  /** The liveness or startup probe has failed: the container has to be restarted. */
  onUnhealthy(): void
}

/** How the kubelet is to end a container. */
export interface Termination {
  /** The grace period in seconds, if it differs from the pod's `terminationGracePeriodSeconds`. */
  readonly graceSeconds?: number | undefined
  /** Why the container ends. Undefined: its pod was deleted. */
  readonly reason?: Exclude<KillReason, 'crash'>
}

/** ms, measured on a real node: the hook arrives about 10 ms after the delete, SIGTERM about 20 ms after the hook's end. */
const hookDelay = 10
const sigtermDelay = 20
/** The least time between SIGTERM and SIGKILL, however long the hook took (`killContainer` in the source of the kubelet). */
const minimumGraceSeconds = 2

/** Probes one pod and terminates it as the kubelet does. */
export class Kubelet {
  readonly #pod: Pod
  readonly #options: KubeletOptions
  readonly #record: Recorder
  readonly #listener: ContainerListener
  readonly #readiness: Prober | undefined
  readonly #endOfProbes = new AbortController()
  #ready = false
  #hasBeenReady = false
  #terminating: Promise<void> | undefined
  /** Aborted when liveness and startup probes end. */
  readonly #endOfRestarts = new AbortController()

  constructor(pod: Pod, options: KubeletOptions, record: Recorder, listener: ContainerListener) {
    this.#pod = pod
    this.#options = options
    this.#record = record
    this.#listener = listener
    const { readinessProbe } = options
    if (readinessProbe !== null) this.#readiness = new Prober(pod, readinessProbe, (ready) => this.#enter(ready))
  }

  /** Whether the pod is ready, by its latest readiness probes. */
  get ready(): boolean {
    return this.#ready
  }

  /** Whether the pod was ever ready. */
  get hasBeenReady(): boolean {
    return this.#hasBeenReady
  }

  /** The result of the last readiness probe, as a phrase. */
  get lastProbe(): string {
    return this.#readiness?.last ?? 'there is no readiness probe'
  }

  /**
   * Probes until the process is gone. Readiness probes go on during the hook and after SIGTERM, except as {@link terminate} says.
   * Liveness and startup probes end when the pod is deleted (`doProbe` in the kubelet's prober).
   */
  async probe(): Promise<void> {
    const { livenessProbe, startupProbe } = this.#options
    const { gone } = this.#pod
    const untilGone = AbortSignal.any([gone, this.#endOfProbes.signal])
    const untilDeleted = AbortSignal.any([untilGone, this.#endOfRestarts.signal])
    if (startupProbe !== null && !(await this.#hasStarted(startupProbe, untilDeleted))) return
    const liveness =
      livenessProbe === null
        ? undefined
        : new Prober(this.#pod, livenessProbe, (alive) => alive || this.#listener.onUnhealthy())
    if (this.#readiness === undefined) this.#enter(true)
    await Promise.all([this.#readiness?.run(untilGone), liveness?.run(untilDeleted)])
  }

  /** Resolves with whether the startup probe has passed. If it fails for good, or `until` is aborted first, the other probes never begin. */
  async #hasStarted(startupProbe: Readonly<Probe>, until: AbortSignal): Promise<boolean> {
    const decided = new AbortController()
    let started = false
    const startup = new Prober(this.#pod, startupProbe, (passes) => {
      started = passes
      decided.abort()
      if (!passes) this.#listener.onUnhealthy()
    })
    await startup.run(AbortSignal.any([until, decided.signal]))
    return started
  }

  /**
   * Ends the container: hook, SIGTERM, SIGKILL. Resolves when the process is gone. A second call joins the first.
   * For a node shutdown or an eviction the pod counts as failed from now on, and the kubelet stops probing it.
   */
  terminate(termination: Termination = {}): Promise<void> {
    this.#terminating ??= this.#terminate(termination)
    return this.#terminating
  }

  async #terminate({ graceSeconds, reason }: Termination): Promise<void> {
    const pod = this.#pod
    const { preStop } = this.#options
    const grace = graceSeconds ?? this.#options.terminationGracePeriodSeconds
    this.#endOfRestarts.abort()
    if (reason === 'node shutdown' || reason === 'eviction') this.#endOfProbes.abort()
    if (reason === undefined) this.#record({ type: 'pod-deleted', pod: pod.name })
    else this.#record({ type: 'container-killed', pod: pod.name, reason })
    await this.#pause(hookDelay)
    let spentSeconds = 0
    if (preStop !== null) {
      const begin = performance.now()
      await this.#hook(preStop, grace * 1000)
      // A timer of Node may fire up to 1 ms early, a timer of Go never does. Without the 1 ms, a sleep of 1 s could count as 0 s.
      spentSeconds = Math.floor((performance.now() - begin + 1) / 1000)
    }
    await this.#pause(sigtermDelay)
    if (!pod.gone.aborted) {
      const left = Math.max(minimumGraceSeconds, grace - spentSeconds)
      this.#record({ type: 'sigterm', pod: pod.name, graceSeconds: left })
      pod.signal('SIGTERM')
      await this.#pause(left * 1000)
    }
    if (!pod.gone.aborted) {
      const { sigtermIgnoredBy } = pod
      this.#record({ type: 'sigkill', pod: pod.name, ...(sigtermIgnoredBy === undefined ? {} : { sigtermIgnoredBy }) })
      pod.signal('SIGKILL')
    }
    await pod.exited
  }

  /** Waits for the hook, for at most the grace period. A hook that fails later is still recorded. */
  async #hook(preStop: PreStop, graceMs: number): Promise<void> {
    const { name: pod, host } = this.#pod
    this.#record({ type: 'hook-start', pod })
    let outcome: 'done' | 'failed' | 'cut' = 'cut'
    let status: number | undefined
    let hook: Promise<number | undefined>
    const waiting = new AbortController()
    if ('sleep' in preStop) {
      hook = this.#pause(preStop.sleep.seconds * 1000).then(() => undefined)
    } else if ('exec' in preStop) {
      hook = this.#pod.exec(preStop.exec.command).then(() => undefined)
    } else {
      const { path, port = this.#pod.port, scheme, httpHeaders: headers } = preStop.httpGet
      hook = sendHook({ host, port, path, scheme, headers })
    }
    const settled = hook.then(
      (answer) => {
        outcome = 'done'
        status = answer
      },
      (error: Error) => {
        outcome = 'failed'
        this.#record({ type: 'hook-failed', pod, message: error.message })
      },
    )
    // This timer goes on after the pod's exit: the hook ends then by itself, and its own outcome is recorded.
    const limit = sleep(graceMs, undefined, { signal: waiting.signal }).catch(() => {})
    await Promise.race([settled, limit])
    waiting.abort()
    this.#record({ type: 'hook-end', pod, outcome, ...(status === undefined ? {} : { status }) })
  }

  #enter(ready: boolean): void {
    // A pod starts as not ready, so a first probe that fails is no change.
    if (ready === this.#ready) return
    this.#ready = ready
    this.#hasBeenReady ||= ready
    const pod = this.#pod.name
    this.#record(ready ? { type: 'pod-ready', pod } : { type: 'pod-unready', pod, message: this.lastProbe })
    this.#listener.onReadiness(ready)
  }

  /** Waits `ms` milliseconds, or until the process is gone. */
  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#pod.gone }).catch(() => {})
  }
}
