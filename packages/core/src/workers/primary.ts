import { performance } from 'node:perf_hooks'
import type { Outcome } from '../outcome/outcome.js'
import { outcomesOfProcess } from '../outcome/outcomes.js'
import type { Signal } from '../process/signals.js'
import { turn } from '../shared/clock.js'
import { workerShare } from '../shared/timing.js'
import type { PrimaryDrain } from './drain-view.js'
import type { FromPrimary, FromWorker } from './protocol.js'

/** The primary's handle of a worker: a process of node:cluster, or a worker thread. */
export interface WorkerHandle {
  /** The name in log lines. */
  readonly name: string
  send(message: FromPrimary): void
  /** Asks the worker to end. */
  signal(signal: Signal): void
  /** Ends the worker by force. */
  kill(): void
  /** Resolves with the exit code, or the name of the signal that killed the worker. Never rejects. */
  readonly exited: Promise<number | string>
}

/** What the primary remembers of a worker. */
interface WorkerRecord {
  readonly worker: WorkerHandle
  /** Whether the worker has joined: it uses podrain and drains on request. */
  joined: boolean
  signalled: boolean
  gone: boolean
  /** Resolves the wait for this worker, when it has settled or exited. */
  resolveSettled: () => void
  /**
   * Callers of the worker's `/prestop`, by the number of their message. Each controller aborts when its caller has disconnected.
   */
  readonly callers: Map<number, AbortController>
}

/**
 * Drains workers together. A preStop hook that reaches one worker drains all of them, and is answered when all have settled. The
 * primary treats its workers as the kubelet treats a pod: it sends the hook first, then the signal.
 */
export class Primary {
  readonly #drain: PrimaryDrain
  readonly #workers = new Map<WorkerHandle, WorkerRecord>()
  readonly #failures = new Set<string>()
  #begun = 0
  /** Whether `terminating()` has told the real grace period. */
  #hasClusterGrace = false

  constructor(drain: PrimaryDrain) {
    this.#drain = drain
    drain.on('commit', ({ reason, settle, within }) => {
      // A SIGINT that waits for load balancers is no Ctrl-C. Workers get SIGTERM for it, so that they wait as well.
      this.#signal(reason === 'SIGINT' && settle !== true ? 'SIGINT' : 'SIGTERM', within)
    })
    drain.on('terminating', () => {
      this.#hasClusterGrace = true
      for (const record of this.#workers.values()) if (record.joined) this.#sendGrace(record)
    })
    drain.on('state', (state) => {
      if (state !== 'draining') return
      this.#begun = performance.now()
      for (const record of this.#workers.values()) this.#sendPrestop(record)
    })
  }

  add(worker: WorkerHandle): void {
    const record: WorkerRecord = {
      worker,
      joined: false,
      signalled: false,
      gone: false,
      resolveSettled: () => {},
      callers: new Map(),
    }
    this.#workers.set(worker, record)
    void worker.exited.then((code) => {
      record.gone = true
      record.resolveSettled()
      for (const caller of record.callers.values()) caller.abort()
      this.#workers.delete(worker)
      outcomesOfProcess().exited(worker, code === 0)
      if (record.signalled && code !== 0) this.#failures.add(`${worker.name} exited with ${code}`)
    })
  }

  /** Handles a message of a worker. */
  receive(worker: WorkerHandle, message: FromWorker): void {
    const record = this.#workers.get(worker)
    if (!record) return
    switch (message.podrain) {
      case 'joined':
        record.joined = true
        this.#sendGrace(record)
        if (this.#drain.state === 'draining') this.#sendPrestop(record)
        break
      case 'prestop': {
        const caller = new AbortController()
        record.callers.set(message.id, caller)
        void this.#drain.prestop({ signal: caller.signal }).then(() => {
          record.callers.delete(message.id)
          if (!record.gone) worker.send({ podrain: 'answer', id: message.id })
        })
        break
      }
      case 'gone':
        record.callers.get(message.id)?.abort()
        break
      case 'settled':
        record.resolveSettled()
        break
      case 'outcome':
        this.#tell(worker, message.outcome)
        break
      case 'handOver':
        void this.#handOver(record, message.id)
        break
    }
  }

  /** Ignores an outcome while the pod serves, because a worker may end without the pod. */
  #tell(worker: WorkerHandle, outcome: Outcome | undefined): void {
    try {
      outcomesOfProcess().tell(worker, this.#drain.state === 'serving' ? undefined : outcome)
    } catch {
      // The drain of this process writes to the same file, and logs its failure.
    }
  }

  /**
   * Signals all workers that were not signalled before, and waits for their exit.
   * @param left Milliseconds that the exit may take. The remaining workers are then killed.
   * @throws {Error} if a worker had to be killed or did not exit with 0
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

  /**
   * Sends the grace period to a worker. The pod has one grace period, and the primary exits at its end. So a worker must not use the
   * grace period in its own options.
   */
  #sendGrace(record: WorkerRecord): void {
    const { gracePeriod, reserve } = this.#drain.times
    const spent = performance.now() - this.#begun
    const useCluster = this.#hasClusterGrace && this.#drain.state === 'draining'
    record.worker.send({
      podrain: 'grace',
      gracePeriod: useCluster ? spent + this.#drain.status().budgetMs + reserve : gracePeriod,
    })
  }

  /**
   * Replies when the connections in the backlog have been handed to workers. The primary accepts a connection in one turn of the event
   * loop, and hands it to a free worker at once.
   */
  async #handOver(record: WorkerRecord, id: number): Promise<void> {
    await turn()
    await turn()
    if (!record.gone) record.worker.send({ podrain: 'handedOver', id })
  }

  #sendPrestop(record: WorkerRecord): void {
    if (!record.joined || record.signalled) return
    record.resolveSettled() // ends the wait of an earlier drain
    this.#drain.waitUntil(
      new Promise<void>((resolve) => {
        record.resolveSettled = resolve
      }),
      { name: record.worker.name },
    )
    record.worker.send({ podrain: 'prestop', ago: performance.now() - this.#begun })
  }

  #signal(signal: Signal, within?: number): void {
    for (const record of this.#workers.values()) {
      if (record.signalled) continue
      record.signalled = true
      record.resolveSettled() // from now on the drain waits for the worker's exit
      if (within !== undefined && record.joined) record.worker.send({ podrain: 'hurry', within: within * workerShare })
      record.worker.signal(signal)
      this.#drain.waitUntil(record.worker.exited, { name: record.worker.name })
    }
  }
}
