import { setTimeout as sleep } from 'node:timers/promises'
import type { KillReason, Recorder } from './events.js'
import { kubeletGet } from './kubelet-request.js'
import type { PreStop, ReadinessProbe } from './options.js'
import type { Pod } from './pod.js'
import { sendProbe } from './probe.js'

/** What the kubelet is told about a pod. */
export interface KubeletOptions {
  readonly terminationGracePeriodSeconds: number
  readonly readinessProbe: Readonly<ReadinessProbe>
  readonly preStop: PreStop | null
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
  readonly #onReadiness: (ready: boolean) => void
  #ready = false
  #hasBeenReady = false
  #lastProbe = 'no readiness probe was answered yet'
  #observed = true
  #terminating: Promise<void> | undefined

  constructor(pod: Pod, options: KubeletOptions, record: Recorder, onReadiness: (ready: boolean) => void = () => {}) {
    this.#pod = pod
    this.#options = options
    this.#record = record
    this.#onReadiness = onReadiness
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
    return this.#lastProbe
  }

  /** Probes every period until the process is gone: also during the hook and after SIGTERM, but see {@link terminate}. */
  async probe(): Promise<void> {
    const { periodSeconds, failureThreshold } = this.#options.readinessProbe
    const { gone } = this.#pod
    let failures = 0
    while (!gone.aborted && this.#observed) {
      const next = this.#pause(periodSeconds * 1000)
      const { ok, found } = await sendProbe(this.#pod, this.#options.readinessProbe)
      this.#lastProbe = found
      if (gone.aborted || !this.#observed) break
      failures = ok ? 0 : failures + 1
      if (ok && !this.#ready) this.#enter(true)
      else if (this.#ready && failures >= failureThreshold) this.#enter(false)
      await next
    }
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
    if (reason === 'node shutdown' || reason === 'eviction') this.#observed = false
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
      this.#record({ type: 'sigkill', pod: pod.name })
      pod.signal('SIGKILL')
    }
    await pod.exited
  }

  /** Waits for the hook no longer than the grace period. Its outcome may still be recorded after that. */
  async #hook(preStop: PreStop, graceMs: number): Promise<void> {
    const { name: pod, host } = this.#pod
    this.#record({ type: 'hook-start', pod })
    let outcome: 'done' | 'failed' | 'cut' = 'cut'
    let hook: Promise<unknown>
    const waiting = new AbortController()
    if ('sleepSeconds' in preStop) {
      hook = this.#pause(preStop.sleepSeconds * 1000)
    } else {
      const { path, port = this.#pod.port } = preStop.httpGet
      hook = kubeletGet({ host, port, path, userAgent: 'kube-lifecycle/1.26' })
    }
    const settled = hook.then(
      () => {
        outcome = 'done'
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
    this.#record({ type: 'hook-end', pod, outcome })
  }

  #enter(ready: boolean): void {
    this.#ready = ready
    this.#hasBeenReady ||= ready
    const pod = this.#pod.name
    this.#record(ready ? { type: 'pod-ready', pod } : { type: 'pod-unready', pod, message: this.#lastProbe })
    this.#onReadiness(ready)
  }

  /** Waits so many ms, or until the process is gone. */
  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#pod.gone }).catch(() => {})
  }
}
