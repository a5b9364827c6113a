import { EventEmitter, setMaxListeners } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { Budget } from './budget.js'
import { type Closed, close } from './closing.js'
import { describe, type Hook, type HookOptions, type HookResult, Hooks } from './hooks.js'
import { type Logger, progressLine, reportLine } from './log.js'
import { type DrainOptions, type ResolvedOptions, resolveOptions } from './options.js'
import type { DrainReport, OpenRequest } from './report.js'
import type { ExitCause } from './signals.js'
import { type TaskOptions, Tasks } from './tasks.js'
import { Traffic } from './traffic.js'

/**
 * - `serving`: ready.
 * - `draining`: not ready; still accepts and serves, and leads clients away.
 * - `closing`: accepts no more; the framework and the close hooks run.
 * - `closed`: done.
 */
export type DrainState = 'serving' | 'draining' | 'closing' | 'closed'

export interface DrainEvents {
  /** The state changed: the new one, the old one. */
  state: [state: DrainState, previous: DrainState]
  /** The drain is over. */
  report: [report: DrainReport]
}

/** What `/drainz` shows. */
export interface DrainStatus {
  state: DrainState
  /** Whether the process will end. `/prestop` alone does not commit. */
  committed: boolean
  /** Requests in flight, without probes and control requests. */
  inFlight: number
  /** Names of the tasks that have not ended. */
  tasks: string[]
  /** The request that has been in flight longest. */
  oldest: OpenRequest | null
  /** Milliseconds until the process must be gone; the whole budget while serving. */
  budgetMs: number
}

export interface StartOptions {
  /** What the report and the log call the cause. @default 'start()' */
  reason?: string
  /** Whether to wait for the load balancers; requests in flight and tasks are waited for in any case. @default true */
  settle?: boolean
}

/** How often a draining server is looked at, in milliseconds: most of what it waits for sends no event. */
const lookEvery = 100

/** SIGTERM while the hook is pending: the kubelet kills 2 s later (`minimumGracePeriodInSeconds`). */
const lastMoment = 1500

/**
 * The whole way from the first sign of termination to the end. One object for any number of servers.
 *
 * @throws {TypeError | RangeError} from the constructor, when an option is unknown, of the wrong type, out of range, or
 * does not fit into the grace period.
 */
export class Drain extends EventEmitter<DrainEvents> {
  readonly #options: ResolvedOptions
  readonly #traffic: Traffic
  readonly #tasks: Tasks
  readonly #onDrain: Hooks
  readonly #onResume: Hooks
  readonly #onClose: Hooks
  readonly #frameworks: Hooks
  readonly #unregister: () => void
  readonly #done: Promise<DrainReport>
  #finish: (report: DrainReport) => void = () => {}
  #state: DrainState = 'serving'
  #began = controller()
  #lastCall = controller()
  #budget: Budget | undefined
  #commitment: Required<StartOptions> | undefined
  #error: unknown
  #announced: Promise<HookResult[]> = Promise.resolve([])
  #prestops = new Set<() => void>()
  #cancelLook = (): void => {}
  #spokeAt = 0

  constructor(options: DrainOptions = {}) {
    super()
    this.#options = resolveOptions(options)
    const { clock, logger, hookTimeout, keepAliveCap, settle, signals, errors } = this.#options
    const look = (): void => this.#look()
    this.#traffic = new Traffic({ clock, keepAliveCap, quiet: settle.quiet, ramp: settle.min, onIdle: look })
    this.#tasks = new Tasks(logger, look)
    this.#onDrain = new Hooks('onDrain', clock, logger, hookTimeout)
    this.#onResume = new Hooks('onResume', clock, logger, hookTimeout)
    this.#onClose = new Hooks('onClose', clock, logger, hookTimeout)
    this.#frameworks = new Hooks('close', clock, logger, this.#options.budget)
    this.#done = new Promise((resolve) => {
      this.#finish = resolve
    })
    // Now, not at listen(): a signal while the application still starts must not kill it half-way.
    this.#unregister = this.#options.process.register({
      signals,
      errors,
      end: async (cause) => (await this.#onCause(cause)).clean,
      again: (cause) => {
        if ('error' in cause) void this.#onCause(cause)
        else logger.error(`second ${cause.signal}, exiting now: ${this.#progress()}`)
      },
    })
  }

  get state(): DrainState {
    return this.#state
  }

  /** Whether the process will end. `/prestop` alone does not commit. */
  get committed(): boolean {
    return this.#commitment !== undefined
  }

  /** Requests in flight: begun, and the response not yet sent and closed. */
  get inFlight(): number {
    return this.#traffic.inFlight
  }

  /** Where it writes its lines. */
  get logger(): Logger {
    return this.#options.logger
  }

  /** Whether a server it watches accepts connections. */
  get listening(): boolean {
    return this.#traffic.listening
  }

  /** Aborts when the drain begins: end event streams, answer long polls, take no new job. A new one after `resume`. */
  get signal(): AbortSignal {
    return this.#began.signal
  }

  /** Aborts when what is still open will soon be cut: answer now, or hand the work back. */
  get lastCall(): AbortSignal {
    return this.#lastCall.signal
  }

  /** What there is to wait for. */
  status(): DrainStatus {
    return {
      state: this.#state,
      committed: this.committed,
      inFlight: this.inFlight,
      tasks: this.#tasks.names,
      oldest: this.#traffic.open()[0] ?? null,
      budgetMs: this.#budget?.left ?? this.#options.budget,
    }
  }

  /**
   * Watches a server: counts its requests from now on, also those that no middleware sees, and closes it at the end.
   * @param options.close How the framework is closed, after the last request. @default the server's own close
   * @throws {Error} if another Drain watches the server
   */
  watch(server: Server, options: { close?: Hook; name?: string } = {}): this {
    this.#traffic.watch(server)
    const { close, name = 'close' } = options
    if (close) this.#frameworks.add(close, { name })
    return this
  }

  /**
   * Counts a request, for a middleware that has no server at hand. The first one leads to the server, which is watched
   * from then on; for later ones this does nothing.
   */
  track(request: IncomingMessage, response: ServerResponse): void {
    this.#traffic.track(request, response)
  }

  /** The request is none of a user's: a control endpoint, a scrape. It is not counted, and traffic may be quiet still. */
  exclude(request: IncomingMessage, response: ServerResponse): void {
    this.#traffic.exclude(request, response)
  }

  /** Background work that must end before the process may. A rejection is logged. */
  waitUntil(promise: PromiseLike<unknown>, options: TaskOptions = {}): void {
    this.#tasks.add(promise, options)
  }

  /** Runs when the drain begins: leave a registry, pause a consumer. All at the same time. */
  onDrain(hook: Hook, options: HookOptions = {}): this {
    this.#onDrain.add(hook, options)
    return this
  }

  /** Runs when a tentative drain is undone: the way back from each `onDrain`. */
  onResume(hook: Hook, options: HookOptions = {}): this {
    this.#onResume.add(hook, options)
    return this
  }

  /** Runs after the last request: pools, clients. One after the other, the newest first, so flush logs in the oldest. */
  onClose(hook: Hook, options: HookOptions = {}): this {
    this.#onClose.add(hook, options)
    return this
  }

  /**
   * What `/prestop` does: drains, but neither closes nor exits. Any number of callers join the same drain. If no signal
   * has followed once the grace period is over, nobody is terminating this pod, and it serves again.
   *
   * @param gone Aborts when the caller does not wait any longer. That changes nothing for the drain.
   * @returns A promise that resolves once load balancers have stopped sending and all requests are answered, or when
   * the rest of the budget is needed for closing.
   */
  async prestop(gone?: AbortSignal): Promise<void> {
    if (this.#state === 'serving') this.#begin('the preStop hook')
    if (this.#state !== 'draining' || gone?.aborted) return
    await new Promise<void>((resolve) => {
      const leave = (): void => {
        this.#prestops.delete(leave)
        gone?.removeEventListener('abort', leave)
        resolve()
      }
      this.#prestops.add(leave)
      gone?.addEventListener('abort', leave)
      this.#look()
    })
  }

  /** Drains and closes. Further calls join the first. It does not exit the process: that is for the signals. */
  start({ reason = 'start()', settle = true }: StartOptions = {}): Promise<DrainReport> {
    if (this.#state === 'serving') this.#begin(reason)
    this.#commitment ??= { reason, settle }
    if (!settle) {
      this.#commitment.settle = false
      this.#traffic.hurry()
    }
    this.#look()
    return this.#done
  }

  /**
   * Lets go of the process and the servers and runs the `onClose` hooks, without waiting for anything: for tests, and for
   * an application that is closed by hand. While a drain is committed it does nothing, as that does all this itself.
   */
  async dispose(): Promise<void> {
    if (this.committed || this.#state === 'closed') return
    this.#cancelLook()
    this.#unregister()
    this.#traffic.unwatch()
    this.#enter('closed')
    this.#releasePrestops()
    const hooks = await this.#onClose.runNewestFirst(() => this.#options.budget)
    this.#end('dispose()', 0, { forced: [], unfinishedTasks: [], hooks, undeliveredBytes: 0 })
  }

  #onCause(cause: ExitCause): Promise<DrainReport> {
    if ('error' in cause) {
      this.#options.logger.error(`uncaught: ${describe(cause.error)}`)
      this.#error ??= cause.error ?? new Error('uncaught, without a reason')
      return this.start({ reason: 'an uncaught error', settle: false })
    }
    // The kubelet signals when the hook has answered or the grace period is spent; it has not answered.
    const late = this.#prestops.size > 0
    if (late) this.#budget?.shortenTo(lastMoment)
    return this.start({ reason: cause.signal, settle: cause.signal !== 'SIGINT' })
  }

  #begin(reason: string): void {
    const { clock, budget, closing, logger } = this.#options
    this.#budget = new Budget(clock, budget, closing)
    this.#spokeAt = clock.now()
    this.#traffic.drain()
    this.#enter('draining')
    logger.info(`draining because of ${reason}: ${this.#progress()}`)
    this.#began.abort()
    this.#announced = this.#onDrain.runTogether(() => this.#budget?.left ?? 0)
  }

  #look(): void {
    this.#cancelLook()
    const budget = this.#budget
    if (this.#state !== 'draining' || !budget) return
    const { clock, gracePeriod, progress, logger } = this.#options
    const now = clock.now()
    if (!this.committed && now >= budget.begun + gracePeriod) {
      this.#resume()
      return
    }
    const cut = now >= budget.cut
    if (cut) this.#lastCall.abort()
    if (cut || this.#settled(now, budget)) {
      this.#releasePrestops()
      if (this.committed) {
        void this.#close(budget)
        return
      }
    }
    if (progress !== false && now >= this.#spokeAt + progress) {
      this.#spokeAt = now
      logger.info(this.#progress())
    }
    this.#cancelLook = clock.after(lookEvery, () => this.#look(), this.committed)
  }

  #settled(now: number, budget: Budget): boolean {
    const { busy, heldUntil } = this.#traffic.survey(now)
    if (busy > 0 || this.#tasks.size > 0) return false
    if (this.#commitment?.settle === false) return true
    const { min, quiet } = this.#options.settle
    return now >= Math.max(budget.begun + min, this.#traffic.lastArrival + quiet, heldUntil)
  }

  async #close(budget: Budget): Promise<void> {
    this.#enter('closing')
    this.#lastCall.abort()
    const settleMs = budget.elapsed
    const { clock, logger } = this.#options
    const closed = await close({
      clock,
      budget,
      traffic: this.#traffic,
      tasks: this.#tasks,
      frameworks: this.#frameworks,
      onClose: this.#onClose,
    })
    closed.hooks.unshift(...(await this.#announced))
    this.#enter('closed')
    this.#unregister()
    const report = this.#end(this.#commitment?.reason ?? '', settleMs, closed)
    if (report.clean) logger.info(reportLine(report))
    else logger.error(reportLine(report))
  }

  #end(reason: string, settleMs: number, closed: Closed): DrainReport {
    const clean =
      closed.forced.length + closed.unfinishedTasks.length + closed.undeliveredBytes === 0 &&
      closed.hooks.every((hook) => hook.outcome === 'ok') &&
      this.#error === undefined
    const report: DrainReport = {
      reason,
      durationMs: this.#budget?.elapsed ?? 0,
      settleMs,
      answered: this.#traffic.answered,
      ...closed,
      ...(this.#error === undefined ? {} : { error: this.#error }),
      clean,
    }
    this.#tell('report', report)
    this.#finish(report)
    return report
  }

  #resume(): void {
    this.#budget = undefined
    this.#traffic.resume()
    this.#began = controller()
    this.#lastCall = controller()
    this.#enter('serving')
    this.#releasePrestops()
    this.#options.logger.warn('no signal followed the preStop hook within the grace period: serving again')
    void this.#onResume.runTogether(() => this.#options.budget)
  }

  /** The one place where the state changes. */
  #enter(state: DrainState): void {
    const previous = this.#state
    this.#state = state
    this.#tell('state', state, previous)
  }

  /** A listener that throws must not keep the process from ending. */
  #tell<Name extends keyof DrainEvents>(name: Name, ...args: DrainEvents[Name]): void {
    try {
      ;(this as EventEmitter).emit(name, ...args)
    } catch (error) {
      this.#options.logger.error(`a listener of "${name}" failed: ${describe(error)}`)
    }
  }

  #releasePrestops(): void {
    for (const leave of [...this.#prestops]) leave()
  }

  #progress(): string {
    return progressLine({ ...this.status(), elapsedMs: this.#budget?.elapsed ?? 0 })
  }
}

/** Any number of streams and jobs may listen to one drain. */
function controller(): AbortController {
  const abort = new AbortController()
  setMaxListeners(0, abort.signal)
  return abort
}
