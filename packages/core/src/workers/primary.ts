import { performance } from 'node:perf_hooks'
import { interruptIsTermination } from '../process/managers.js'
import type { Signal } from '../process/signals.js'
import { turn } from '../shared/clock.js'
import { workerShare } from '../shared/timing.js'
import type { LeadingDrain } from './drain-view.js'
import type { FromPrimary, FromWorker } from './protocol.js'

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

/** What the primary remembers of a worker. */
interface Member {
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
  readonly #drain: LeadingDrain
  readonly #workers = new Map<Worker, Member>()
  readonly #failures = new Set<string>()
  #begun = 0
  /** Whether the cluster has said what the grace period really is. */
  #told = false

  constructor(drain: LeadingDrain) {
    this.#drain = drain
    drain.on('commit', ({ reason, within }) => {
      this.#signal(reason === 'SIGINT' && !interruptIsTermination() ? 'SIGINT' : 'SIGTERM', within)
    })
    drain.on('terminating', () => {
      this.#told = true
      for (const member of this.#workers.values()) if (member.joined) this.#tellGrace(member)
    })
    drain.on('state', (state) => {
      if (state !== 'draining') return
      this.#begun = performance.now()
      for (const member of this.#workers.values()) this.#tell(member)
    })
  }

  add(worker: Worker): void {
    const member: Member = {
      worker,
      joined: false,
      signalled: false,
      gone: false,
      settle: () => {},
      callers: new Map(),
    }
    this.#workers.set(worker, member)
    void worker.exited.then((code) => {
      member.gone = true
      member.settle()
      for (const caller of member.callers.values()) caller.abort()
      this.#workers.delete(worker)
      if (member.signalled && code !== 0) this.#failures.add(`${worker.name} exited with ${code}`)
    })
  }

  /** A worker has said something. */
  hear(worker: Worker, message: FromWorker): void {
    const member = this.#workers.get(worker)
    if (!member) return
    switch (message.podrain) {
      case 'joined':
        member.joined = true
        this.#tellGrace(member)
        if (this.#drain.state === 'draining') this.#tell(member)
        break
      case 'prestop': {
        const caller = new AbortController()
        member.callers.set(message.id, caller)
        void this.#drain.prestop({ gone: caller.signal }).then(() => {
          member.callers.delete(message.id)
          if (!member.gone) worker.send({ podrain: 'answer', id: message.id })
        })
        break
      }
      case 'gone':
        member.callers.get(message.id)?.abort()
        break
      case 'settled':
        member.settle()
        break
      case 'handOver':
        void this.#handOver(member, message.id)
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

  /** There is one grace period for the pod, and the primary ends with it: a worker must neither cut earlier nor plan for more. */
  #tellGrace(member: Member): void {
    const { gracePeriod, reserve } = this.#drain.times
    const spent = performance.now() - this.#begun
    const known = this.#told && this.#drain.state === 'draining'
    member.worker.send({
      podrain: 'grace',
      gracePeriod: known ? spent + this.#drain.status().budgetMs + reserve : gracePeriod,
    })
  }

  /** What the kernel has for the primary is accepted in a turn of the event loop, and handed out at once to a worker that is free. */
  async #handOver(member: Member, id: number): Promise<void> {
    await turn()
    await turn()
    if (!member.gone) member.worker.send({ podrain: 'handedOver', id })
  }

  #tell(member: Member): void {
    if (!member.joined || member.signalled) return
    member.settle() // of an earlier drain
    this.#drain.waitUntil(
      new Promise<void>((resolve) => {
        member.settle = resolve
      }),
      { name: member.worker.name },
    )
    member.worker.send({ podrain: 'prestop', ago: performance.now() - this.#begun })
  }

  #signal(signal: Signal, within?: number): void {
    for (const member of this.#workers.values()) {
      if (member.signalled) continue
      member.signalled = true
      member.settle() // now its exit is what counts
      if (within !== undefined && member.joined) member.worker.send({ podrain: 'hurry', within: within * workerShare })
      member.worker.signal(signal)
      this.#drain.waitUntil(member.worker.exited, { name: member.worker.name })
    }
  }
}
