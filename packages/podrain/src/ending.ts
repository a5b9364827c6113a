import { constants } from 'node:os'

/** Whatever a person or a machine sends to end a program: Ctrl-C, CI, a closed window, Ctrl-\. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

/** A rehearsal was ended from outside. */
export class Ended extends Error {
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals) {
    super(`it was ended by ${signal}`)
    this.signal = signal
  }
}

/** Listens to the signals for as long as there are pods: none may outlive us. */
export class Ending {
  readonly #abort = new AbortController()
  readonly #onSignal = (signal: NodeJS.Signals) => {
    // Asked a second time we wait for nothing; the engine kills what is left on 'exit'.
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

  /** Leaves signals to Node again. */
  dispose(): void {
    for (const signal of signals) process.removeListener(signal, this.#onSignal)
  }
}
