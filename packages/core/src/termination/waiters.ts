/** Who waits for the end of the wait for clients and requests: the preStop hook, and whoever else drains tentatively. */
export class Waiters {
  /** Each with its end, and whether it is the kubelet's hook. */
  readonly #waiting = new Map<() => void, boolean>()

  /** Whether the kubelet's hook has not been answered yet. */
  get includesHook(): boolean {
    return [...this.#waiting.values()].includes(true)
  }

  /**
   * Resolves with `release()`, or when `signal` aborts.
   * @param hook Whether the kubelet's hook waits.
   * @param signal Aborts when the caller has left.
   */
  async wait(hook: boolean, signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const leave = (): void => {
        this.#waiting.delete(leave)
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      this.#waiting.set(leave, hook)
      signal?.addEventListener('abort', leave)
    })
  }

  release(): void {
    for (const leave of [...this.#waiting.keys()]) leave()
  }
}
