import { setTimeout as sleep } from 'node:timers/promises'
import type { Probe } from '../../plan/options.js'
import { type ProbedPod, sendProbe } from './probe.js'

/**
 * Probes a container once per period. The verdict changes after as many equal results in a row as the threshold says (the
 * `worker` of the kubelet's prober).
 */
export class Prober {
  readonly #pod: ProbedPod
  readonly #probe: Readonly<Probe>
  readonly #onVerdict: (passes: boolean) => void
  #passes: boolean | undefined
  #last = 'no probe was answered yet'

  /** `onVerdict` is called with the first verdict, and whenever the verdict changes. */
  constructor(pod: ProbedPod, probe: Readonly<Probe>, onVerdict: (passes: boolean) => void) {
    this.#pod = pod
    this.#probe = probe
    this.#onVerdict = onVerdict
  }

  /** The result of the last probe, as a phrase. */
  get last(): string {
    return this.#last
  }

  /** Probes until `stop` is aborted. Never rejects. */
  async run(stop: AbortSignal): Promise<void> {
    const { initialDelaySeconds, periodSeconds, successThreshold, failureThreshold } = this.#probe
    const pause = (seconds: number) => sleep(seconds * 1000, undefined, { signal: stop }).catch(() => {})
    let before: boolean | undefined
    let inRow = 0
    if (initialDelaySeconds > 0) await pause(initialDelaySeconds)
    while (!stop.aborted) {
      const next = pause(periodSeconds)
      const { ok, found } = await sendProbe(this.#pod, this.#probe)
      if (stop.aborted) break
      this.#last = found
      inRow = ok === before ? inRow + 1 : 1
      before = ok
      if (ok !== this.#passes && inRow >= (ok ? successThreshold : failureThreshold)) {
        this.#passes = ok
        this.#onVerdict(ok)
      }
      await next
    }
  }
}
