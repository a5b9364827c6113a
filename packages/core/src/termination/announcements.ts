import type { Hooks } from './hooks.js'

/**
 * Tells the application that a drain has begun (`onDrain` hooks) or was undone (`onResume` hooks). Hooks of one kind begin
 * after those of the other that they undo. Otherwise the slower kind would have the last word.
 */
export class Announcements {
  readonly #onDrain: Hooks
  readonly #onResume: Hooks
  #pending: Promise<unknown> | undefined

  constructor(onDrain: Hooks, onResume: Hooks) {
    this.#onDrain = onDrain
    this.#onResume = onResume
  }

  /** Resolves when the hooks that were started have finished; undefined if none run. */
  get pending(): Promise<unknown> | undefined {
    return this.#pending
  }

  /** @param left Milliseconds that the hooks may take. */
  begun(left: () => number): void {
    this.#announce(this.#onDrain, this.#onResume, left)
  }

  /**
   * The hooks begin a moment later, when the state has been told of.
   * @param left Milliseconds that the hooks may take.
   */
  resumed(left: () => number): void {
    this.#announce(this.#onResume, this.#onDrain, left, Promise.resolve())
  }

  #announce(hooks: Hooks, others: Hooks, left: () => number, told?: Promise<void>): void {
    const before = this.#pending
    const after = before || others.running ? Promise.resolve(before).then(() => others.whenFinished(left)) : told
    const announced = hooks.runTogether(left, { after })
    this.#pending = announced
    void announced.then(() => {
      if (this.#pending === announced) this.#pending = undefined
    })
  }
}
