/** Who waits for the end of the wait for clients and requests: the preStop hook, and whoever else drains tentatively. */
export class Waiters {
  /** Each with its end, and whether it is the kubelet's hook. */
  readonly #waiting = new Map<() => void, boolean>()

  /** Whether the kubelet's hook has not been answered yet. */
  get includesHook(): boolean {
    return [...this.#waiting.values()].includes(true)
  }

  /**
   * Resolves with `release()`, or when `gone` aborts.
   * @param hook Whether the kubelet's hook waits.
   * @param gone Aborts when the caller has left.
   */
  async wait(hook: boolean, gone?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const leave = (): void => {
        this.#waiting.delete(leave)
        gone?.removeEventListener('abort', leave)
        resolve()
      }
      this.#waiting.set(leave, hook)
      gone?.addEventListener('abort', leave)
    })
  }

  release(): void {
    for (const leave of [...this.#waiting.keys()]) leave()
  }
}
