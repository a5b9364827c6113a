import { constants } from 'node:os'

/** The signals that people and machines send to end a program: Ctrl-C, CI, a closed window, Ctrl-\. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

/** A rehearsal was ended from outside. */
export class Ended extends Error {
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals) {
    super(`it was ended by ${signal}`)
    this.signal = signal
  }
}

/** Handles the signals while there are pods, so that no pod outlives this process. */
export class Ending {
  readonly #abort = new AbortController()
  readonly #onSignal = (signal: NodeJS.Signals) => {
    // A second signal exits at once. The engine kills the remaining pods on 'exit'.
    if (this.signal.aborted) process.exit(128 + constants.signals[signal])
    this.#abort.abort(new Ended(signal))
  }

  constructor() {
    for (const signal of signals) process.on(signal, this.#onSignal)
  }

  /** Aborted by the first signal, with an {@link Ended}. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Removes the handlers, so that signals end the process again. */
  dispose(): void {
    for (const signal of signals) process.removeListener(signal, this.#onSignal)
  }
}
