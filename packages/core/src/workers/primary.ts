import { performance } from 'node:perf_hooks'
import type { Drain } from '../drain.js'
import type { Signal } from '../process/exit.js'
import type { FromPrimary, FromWorker } from './link.js'

/** A worker, as its primary sees it. */
export interface Worker {
  /** What the log calls it. */
  readonly name: string
  send(message: FromPrimary): void
  /** Tells it to end. */
  signal(signal: Signal): void
  /** Ends it at once. */
  kill(): void
  /** Resolves with its exit code; a signal that killed it is no clean exit. Never rejects. */
  readonly exited: Promise<number | string>
}

/** How much of a short time the workers get: they are to say what they cut before they are killed for being late. */
const hurryAt = 3 / 4

interface Known {
  readonly worker: Worker
  /** Whether it drains when it is told to; one without podrain does not. */
  joined: boolean
  signalled: boolean
  gone: boolean
  /** Called when it is settled, or gone. */
  settle: () => void
  /** Aborts when the caller of its `/prestop` has gone, by the number of the question. */
  readonly callers: Map<number, AbortController>
}

/**
 * Drains workers together: what one of them is asked for, all do, and it is answered when all have done it. To its workers a
 * primary is what the kubelet is to a pod: first the hook, then the signal.
 */
export class Primary {
  readonly #drain: Drain
  readonly #workers = new Map<Worker, Known>()
  readonly #failures = new Set<string>()
  #begun = 0

  constructor(drain: Drain) {
    this.#drain = drain
    drain.on('commit', ({ reason, within }) => this.#signal(reason === 'SIGINT' ? 'SIGINT' : 'SIGTERM', within))
    drain.on('state', (state) => {
      if (state !== 'draining') return
      this.#begun = performance.now()
      for (const known of this.#workers.values()) this.#tell(known)
    })
  }

  add(worker: Worker): void {
    const known: Known = {
      worker,
      joined: false,
      signalled: false,
      gone: false,
      settle: () => {},
      callers: new Map(),
    }
    this.#workers.set(worker, known)
    void worker.exited.then((code) => {
      known.gone = true
      known.settle()
      for (const caller of known.callers.values()) caller.abort()
      this.#workers.delete(worker)
      if (known.signalled && code !== 0) this.#failures.add(`${worker.name} exited with ${code}`)
    })
  }

  /** A worker has said something. */
  hear(worker: Worker, message: FromWorker): void {
    const known = this.#workers.get(worker)
    if (!known) return
    switch (message.podrain) {
      case 'joined':
        known.joined = true
        if (this.#drain.state === 'draining') this.#tell(known)
        break
      case 'prestop': {
        const caller = new AbortController()
        known.callers.set(message.id, caller)
        void this.#drain.prestop({ gone: caller.signal }).then(() => {
          known.callers.delete(message.id)
          if (!known.gone) worker.send({ podrain: 'answer', id: message.id })
        })
        break
      }
      case 'gone':
        known.callers.get(message.id)?.abort()
        break
      case 'settled':
        known.settle()
        break
    }
  }

  /**
   * Ends whoever has not ended, and waits for all.
   * @param left Milliseconds that may be waited for it; who is there then is killed.
   * @throws {Error} if one had to be killed or did not exit with 0
   */
  async end(left: number): Promise<void> {
    this.#signal('SIGTERM')
    const late = setTimeout(() => {
      for (const { worker } of this.#workers.values()) {
        this.#failures.add(`${worker.name} had to be killed`)
        worker.kill()
      }
    }, left)
    await Promise.all([...this.#workers.keys()].map(({ exited }) => exited))
    clearTimeout(late)
    if (this.#failures.size > 0) throw new Error([...this.#failures].join(', '))
  }

  #tell(known: Known): void {
    if (!known.joined || known.signalled) return
    known.settle() // of an earlier drain
    this.#drain.waitUntil(
      new Promise<void>((resolve) => {
        known.settle = resolve
      }),
      { name: known.worker.name },
    )
    known.worker.send({ podrain: 'prestop', ago: performance.now() - this.#begun })
  }

  #signal(signal: Signal, within?: number): void {
    for (const known of this.#workers.values()) {
      if (known.signalled) continue
      known.signalled = true
      known.settle() // now its exit is what counts
      if (within !== undefined && known.joined) known.worker.send({ podrain: 'hurry', within: within * hurryAt })
      known.worker.signal(signal)
      this.#drain.waitUntil(known.worker.exited, { name: known.worker.name })
    }
  }
}
