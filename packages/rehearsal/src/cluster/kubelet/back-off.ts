/** The kubelet's own `containerBackOff` and `MaxContainerBackOff`, in ms. */
const first = 10_000
const longest = 300_000
/** What has run for so long counts as healthy, and is started at once when it ends (hasExpired in client-go). */
const healthyAfter = 2 * longest

/**
 * How long a container that has ended waits for its next start: the first time not at all, then 10 s, 20 s … 300 s. Kubernetes
 * calls that CrashLoopBackOff, whether it crashed or failed its probes.
 */
export class BackOff {
  #next = 0
  #startedAt = Number.NEGATIVE_INFINITY

  /** The container has ended. Returns after how many ms it is started again. */
  endedAt(t: number): number {
    const wait = t - this.#startedAt > healthyAfter ? 0 : this.#next
    this.#next = wait === 0 ? first : Math.min(2 * wait, longest)
    this.#startedAt = t + wait
    return wait
  }
}
