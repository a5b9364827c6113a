/** `containerBackOff` and `MaxContainerBackOff` in the source of the kubelet, in ms. */
const first = 10_000
const longest = 300_000
/** ms. A container that ran longer than this counts as healthy and is started again at once (`hasExpired` in client-go). */
const healthyAfter = 2 * longest

/**
 * How long a container that has ended waits before its next start: the first time not at all, then 10 s, 20 s … 300 s. Kubernetes
 * calls this wait CrashLoopBackOff, whether the container crashed or failed its probes.
 */
export class BackOff {
  #next = 0
  #startedAt = Number.NEGATIVE_INFINITY

  /** The container has ended at the time `t` (ms, monotonic). Returns after how many ms it is started again. */
  endedAt(t: number): number {
    const wait = t - this.#startedAt > healthyAfter ? 0 : this.#next
    this.#next = wait === 0 ? first : Math.min(2 * wait, longest)
    this.#startedAt = t + wait
    return wait
  }
}
