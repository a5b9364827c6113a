import { setTimeout as sleep } from 'node:timers/promises'
import type { PreStop, Probe } from '../../plan/options.js'
import type { Pod } from '../../pods/pod.js'
import type { KillReason, Recorder } from '../../timeline/events.js'
import { Prober } from './prober.js'
import { sendHook } from './request.js'

/** What the kubelet is told about a pod. */
export interface KubeletOptions {
  readonly terminationGracePeriodSeconds: number
  /** null: ready as soon as it has started. */
  readonly readinessProbe: Readonly<Probe> | null
  readonly livenessProbe: Readonly<Probe> | null
  readonly startupProbe: Readonly<Probe> | null
  readonly preStop: PreStop | null
}

/** Whom the kubelet tells of a container. */
export interface ContainerListener {
  onReadiness(ready: boolean): void
  /** Its liveness or startup probe has failed: it has to be ended and started again. */
  onUnhealthy(): void
}

/** How the kubelet is to end a container. */
export interface Termination {
  /** Instead of the pod's own. */
  readonly graceSeconds?: number | undefined
  /** Why, when it is not that the pod was deleted. */
  readonly reason?: Exclude<KillReason, 'crash'>
}

/** Measured on a real node: the hook arrives about 10 ms after the delete, SIGTERM about 20 ms after the hook's end. */
const hookDelay = 10
const sigtermDelay = 20
/** killContainer leaves a container no less, whatever the hook has used up. */
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
  /** No more liveness or startup probes. */
  readonly #endOfRestarts = new AbortController()

  constructor(pod: Pod, options: KubeletOptions, record: Recorder, listener: ContainerListener) {
    this.#pod = pod
    this.#options = options
    this.#record = record
    this.#listener = listener
    const { readinessProbe } = options
    if (readinessProbe !== null) this.#readiness = new Prober(pod, readinessProbe, (ready) => this.#enter(ready))
  }

  /** Whether the last readiness probes say the pod is ready. */
  get ready(): boolean {
    return this.#ready
  }

  /** Whether the pod was ever ready. */
  get hasBeenReady(): boolean {
    return this.#hasBeenReady
  }

  /** What the last readiness probe found, in words. */
  get lastProbe(): string {
    return this.#readiness?.last ?? 'there is no readiness probe'
  }

  /**
   * Probes until the process is gone: for readiness also during the hook and after SIGTERM, but see {@link terminate}.
   * Liveness and startup probes end with the deletion (doProbe in the kubelet's prober).
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

  /** Whether the startup probe has passed. When it fails for good, or is no longer asked, the others never begin. */
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
   * Ends the container: hook, SIGTERM, SIGKILL. Resolves when the process is gone; a second call joins the first.
   * On a node that shuts down, and for an eviction, the pod counts as failed from now on, and nobody probes it any more.
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
      // A timer of Node may fire up to a millisecond early, one of Go never: a sleep of 1 s has taken a whole second.
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
      const { deafProgram } = pod
      this.#record({ type: 'sigkill', pod: pod.name, ...(deafProgram === undefined ? {} : { deafProgram }) })
      pod.signal('SIGKILL')
    }
    await pod.exited
  }

  /** Waits for the hook no longer than the grace period. Its outcome may still be recorded after that. */
  async #hook(preStop: PreStop, graceMs: number): Promise<void> {
    const { name: pod, host } = this.#pod
    this.#record({ type: 'hook-start', pod })
    let outcome: 'done' | 'failed' | 'cut' = 'cut'
    let status: number | undefined
    let hook: Promise<number | undefined>
    const waiting = new AbortController()
    if ('sleepSeconds' in preStop) {
      hook = this.#pause(preStop.sleepSeconds * 1000).then(() => undefined)
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
    // Not ended by the pod's exit: the hook itself ends then, and says how.
    const limit = sleep(graceMs, undefined, { signal: waiting.signal }).catch(() => {})
    await Promise.race([settled, limit])
    waiting.abort()
    this.#record({ type: 'hook-end', pod, outcome, ...(status === undefined ? {} : { status }) })
  }

  #enter(ready: boolean): void {
    // A pod that was never ready cannot become unready.
    if (ready === this.#ready) return
    this.#ready = ready
    this.#hasBeenReady ||= ready
    const pod = this.#pod.name
    this.#record(ready ? { type: 'pod-ready', pod } : { type: 'pod-unready', pod, message: this.lastProbe })
    this.#listener.onReadiness(ready)
  }

  /** Waits so many ms, or until the process is gone. */
  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#pod.gone }).catch(() => {})
  }
}
