import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { Server } from 'node:net'
import { budgetLine } from './budget.js'
import { Ending } from './ending.js'
import { Traffic } from './http/traffic.js'
import { type DrainOptions, drainOptionNames, type ResolvedOptions, type WatchOptions } from './options.js'
import { interruptIsTermination, killedAfter } from './process/managers.js'
import { Reporting } from './reporting.js'
import { resolveOptions } from './resolve-options.js'
import type { Clock } from './shared/clock.js'
import { describe } from './shared/errors.js'
import type { Logger } from './shared/log.js'
import { checkKeepAlive } from './shared/presets.js'
import type { DrainReport } from './shared/report.js'
import type { Answer } from './shared/request.js'
import type {
  DrainEvents,
  DrainState,
  DrainStatus,
  DrainTimes,
  PrestopOptions,
  Refusal,
  SettleCondition,
  StartOptions,
  TerminatingOptions,
  Vacancy,
} from './shared/states.js'
import { duration, fail } from './shared/validate.js'
import { Course } from './termination/course.js'
import { type Hook, type HookOptions, Hooks, type ReportHook } from './termination/hooks.js'
import { closedEarlyLine, introduction, progressLine, watchedLateLine } from './termination/sentences.js'
import { type TaskOptions, Tasks } from './termination/tasks.js'
import { resolveWithVariables } from './variables.js'
import { environmentOfProcess } from './workers/environment.js'

/**
 * A drain: the way from the first sign of termination to the exit, for any number of servers.
 *
 * Events: see `DrainEvents`. A listener that throws is logged, and the drain goes on.
 *
 * @throws {TypeError | RangeError} from the constructor, if an option is unknown, has the wrong type, is out of range,
 * or does not fit into the grace period
 * @throws {Error} from the constructor, if another copy of the package with an incompatible version has registered with
 * the process
 */
export class Drain extends EventEmitter<DrainEvents> {
  readonly #options: ResolvedOptions
  readonly #traffic: Traffic
  readonly #tasks: Tasks
  readonly #onDrain: Hooks
  readonly #onResume: Hooks
  readonly #onClose: Hooks
  readonly #frameworks: Hooks
  readonly #reporting: Reporting
  readonly #course: Course
  readonly #ending: Ending
  #introduced = false
  #disposing: Promise<void> | undefined

  constructor(options: DrainOptions = {}) {
    super()
    this.setMaxListeners(0) // each attachment adds a listener, and there may be any number
    this.#options = resolveWithVariables(options, drainOptionNames, resolveOptions)
    const { budget, clock, logger, hookTimeout, keepAliveCap, settle, behind } = this.#options
    const check = (): void => this.#course.check()
    this.#traffic = new Traffic({
      clock,
      keepAliveCap,
      quiet: settle.quiet,
      // Shorter than `settle.min`: the requests of the last clients that are shed would otherwise prolong the wait by
      // `settle.quiet`.
      ramp: Math.max(settle.min - settle.quiet, settle.min / 2),
      onIdle: check,
      onAbandoned: (handling, url) => this.#tasks.abandoned.add(handling, url),
      onClosedEarly: (close) => logger.error(closedEarlyLine(close)),
      onUnknown: (count) => logger.warn(watchedLateLine(count)),
      onListening: (server) => {
        const line = this.#introduced ? undefined : introduction(budgetLine(this.#options))
        this.#introduced = true
        if (line !== undefined) logger.info(line)
        checkKeepAlive(server, behind, logger)
        environmentOfProcess().listening(server)
      },
    })
    this.#tasks = new Tasks(clock, logger, hookTimeout, check)
    this.#onDrain = new Hooks('onDrain', clock, logger, hookTimeout)
    this.#onResume = new Hooks('onResume', clock, logger, hookTimeout)
    this.#onClose = new Hooks('onClose', clock, logger, hookTimeout)
    this.#frameworks = new Hooks('close', clock, logger, budget)
    this.#reporting = new Reporting(this, this.#options, () => ({
      ...this.#whereabouts,
      ...this.#course.circumstances,
    }))
    const { closing, reserve, progress, process, balancers, platform } = this.#options
    this.#course = new Course({
      clock,
      logger,
      times: { budget, closing, reserve, settle },
      balancers,
      progress,
      outlived: process.outlived ?? false,
      handOver: () => environmentOfProcess().handOver(),
      interruptIsTermination: () => interruptIsTermination(platform),
      killedAfter,
      traffic: this.#traffic,
      tasks: this.#tasks,
      onDrain: this.#onDrain,
      onResume: this.#onResume,
      onClose: this.#onClose,
      frameworks: this.#frameworks,
      onState: (state, previous) => this.#emitSafely('state', state, previous),
      onNews: () => this.#reporting.tell(),
      onCommit: (how) => this.#emitSafely('commit', how),
      progressLine: () => progressLine(this.#whereabouts),
    })
    // The constructor registers, not listen(): a signal must not kill an application that is still starting.
    this.#ending = new Ending(this.#options, {
      course: this.#course,
      reporting: this.#reporting,
      tasks: this.#tasks,
      traffic: this.#traffic,
      whereabouts: () => this.#whereabouts,
      onReport: (report) => this.#emitSafely('report', report),
    })
  }

  /** The state of the drain. Each change emits 'state'. */
  get state(): DrainState {
    return this.#course.state
  }

  /** Whether the drain is committed: it will close and cannot be undone. `/prestop` alone does not commit the drain. */
  get committed(): boolean {
    return this.#course.committed
  }

  /** Number of requests in flight: begun, and the response not yet flushed and closed. */
  get inFlight(): number {
    return this.#traffic.inFlight
  }

  /** Where the drain logs. */
  get logger(): Logger {
    return this.#options.logger
  }

  /** The source of time of the drain. */
  get clock(): Clock {
    return this.#options.clock
  }

  /** How the drain shares out the grace period, in milliseconds: its options with the defaults. */
  get times(): DrainTimes {
    const { gracePeriod, reserve, closing, behind, settle, balancers } = this.#options
    return { gracePeriod, reserve, closing, behind, ...(balancers ? {} : { balancers }), settle: { ...settle } }
  }

  /** Whether a watched server accepts connections. True until the first server is found; false after the drain. */
  get listening(): boolean {
    return this.#traffic.servers.listening
  }

  /** Whether a server was ever watched: it was passed to `watch()`, or found by a request. */
  get knowsServer(): boolean {
    return this.#traffic.servers.everWatched
  }

  /**
   * Aborts when the drain begins. Then end event streams, answer long polls and take no new jobs. After a resume, this
   * property is a new signal.
   */
  get signal(): AbortSignal {
    return this.#course.signal
  }

  /**
   * Aborts when what is still open will soon be cut. Then answer, or hand the work back. After a resume, this property is
   * a new signal.
   */
  get lastCall(): AbortSignal {
    return this.#course.lastCall
  }

  /** What the drain waits for, and how much of the budget is left. `/drainz` sends the same object. */
  status(): DrainStatus {
    return {
      state: this.state,
      committed: this.committed,
      inFlight: this.inFlight,
      tasks: this.#tasks.names,
      oldest: this.#traffic.open()[0] ?? null,
      budgetMs: Math.round(this.#course.budget?.left ?? this.#options.budget),
    }
  }

  /**
   * Watches a server of `node:http`, `node:https` or `node:http2`. All its requests are counted from now on, and it is
   * closed at the end. Further calls for the same server add `close` and `answer`.
   * @throws {Error} if another Drain watches the server
   */
  watch(server: Server, options: WatchOptions = {}): this {
    const { close, name = 'close', answer, onRelease } = options
    this.#traffic.servers.watch(server, answer, onRelease)
    if (close) this.#frameworks.add(close, { name })
    return this
  }

  /**
   * Tells the drain that a request will show its server, as a middleware does. If no request does, the drain counts the open
   * connections of servers that it does not watch, and the report is clean only if there are none.
   * @param isOther Tells whether a server cannot be the one that the drain waits for.
   */
  expectServer(isOther: (server: Server) => boolean = () => false): void {
    if (!this.knowsServer) this.#traffic.servers.unseen.begin(isOther)
  }

  /**
   * Counts a request, for a middleware that has no reference to the server. The first call finds the server of the request
   * and watches it. Later requests of that server are counted by the server itself.
   * @param answer As in `WatchOptions`, for later requests.
   * @returns Whether the request was counted before, on its server.
   */
  track(request: IncomingMessage, response: ServerResponse, answer?: Answer): boolean {
    return this.#traffic.track(request, response, answer)
  }

  /**
   * Stops counting a request that is not a user's, such as a control request or a scrape. The drain does not wait for the
   * request, and the request does not start `settle.quiet` again.
   */
  exclude(request: IncomingMessage, response: ServerResponse): void {
    this.#traffic.exclude(request, response)
  }

  /**
   * Tells the drain what a handler returned for a response. If that is a promise and the client disconnects, the drain waits
   * for the promise, up to `hookTimeout`. The handler still uses what the `onClose` hooks close. The cost is a small
   * object until the response closes.
   */
  handling(response: ServerResponse | Http2ServerResponse, handling: unknown): void {
    this.#traffic.handling(response, handling)
  }

  /** Emits 'refused': a control endpoint has refused a caller. */
  refused(refusal: Refusal): void {
    this.#emitSafely('refused', refusal)
  }

  /**
   * Adds background work that must finish before the process may exit. A rejection is logged.
   * @throws {TypeError} if `promise` is not a promise
   * @throws {RangeError} if `timeout` is negative or not a number
   */
  waitUntil(promise: PromiseLike<unknown>, options: TaskOptions = {}): void {
    this.#tasks.add(promise, options)
  }

  /**
   * Adds a hook that runs when the drain begins: leave a registry, pause a consumer. These hooks run at the same time.
   * @throws {TypeError | RangeError} if the hook is not a function, or an option is wrong
   */
  onDrain(hook: Hook, options: HookOptions = {}): this {
    this.#onDrain.add(hook, options)
    return this
  }

  /**
   * Adds a hook that runs when a tentative drain is undone. It should undo an `onDrain` hook. These hooks run at the
   * same time.
   * @throws {TypeError | RangeError} as `onDrain`
   */
  onResume(hook: Hook, options: HookOptions = {}): this {
    this.#onResume.add(hook, options)
    return this
  }

  /**
   * Adds a hook that runs after the last request: close pools and clients. These hooks run one after the other, the
   * newest first. Register the hook that flushes logs first, so that it runs last.
   * @throws {TypeError | RangeError} as `onDrain`
   */
  onClose(hook: Hook, options: HookOptions = {}): this {
    this.#onClose.add(hook, options)
    return this
  }

  /**
   * Adds a hook that runs after the event 'report' and before the process exits, to send the report somewhere. These
   * hooks run at the same time, in half of the time until SIGKILL. If a hook fails, the failure is logged and the exit code
   * stays the same. An uncaught error makes the exit code 1.
   * @throws {TypeError | RangeError} as `onDrain`
   */
  onReport(hook: ReportHook, options: HookOptions = {}): this {
    this.#reporting.add(hook, options)
    return this
  }

  /**
   * Drains tentatively, as `/prestop` does: the drain neither closes servers nor exits the process. Any number of callers
   * join the same drain. If no signal has followed when the grace period is over, nothing is terminating this pod. Then the
   * drain is undone, and the pod serves again.
   *
   * @returns A promise that resolves when load balancers have stopped sending and all requests are answered, or when
   * the rest of the budget is needed for closing.
   * @throws {TypeError | RangeError} if `ago` is no duration
   */
  prestop(options: PrestopOptions = {}): Promise<void> {
    if (options.ago !== undefined) duration('ago', options.ago)
    return this.#course.prestop(options)
  }

  /**
   * Drains tentatively until the pod has no work left, however long that takes. Use it when somebody wants the pod gone and
   * waits for it, such as an Eviction. The grace period begins with the next sign that the pod ends: the hook, the
   * deletion or a signal. If a drain has begun before, this call joins it and does not change its budget. Do not call
   * `vacate()` in a process that leads workers or threads, because workers and threads keep to the grace period.
   * @param reason Why, for the log, such as `'an eviction'`.
   */
  vacate(reason = 'vacate()'): Vacancy {
    return this.#course.vacate(reason)
  }

  /**
   * Tells the drain that the pod was deleted, and which grace period the cluster gives the pod. The drain begins,
   * tentatively, with exactly that grace period, even if the option `terminationGracePeriodSeconds` is longer or shorter. A
   * drain that has begun before gets the same grace period, counted from its own first sign. Further calls can only shorten
   * the grace period.
   * @throws {TypeError | RangeError} if `gracePeriod` or `ago` is no duration
   */
  terminating(options: TerminatingOptions): void {
    duration('gracePeriod', options.gracePeriod)
    if (options.ago !== undefined) duration('ago', options.ago)
    this.#course.terminating(options)
    this.#emitSafely('terminating', options)
  }

  /**
   * Adds a function that tells whether load balancers have stopped sending. If several conditions disagree, the drain takes
   * the first of `false`, `undefined`, `'soon'`, `true` that any of them returns. With `'soon'` and `true` every response
   * tells its client to leave.
   * @returns The function that removes the condition.
   * @throws {TypeError} if `condition` is not a function
   */
  settledWhen(condition: SettleCondition): () => void {
    if (typeof condition !== 'function') fail(TypeError, 'settledWhen() expected a function', condition)
    return this.#course.settledWhen(condition)
  }

  /**
   * Commits the drain: the drain waits, then closes. Further calls join the first. `start()` does not exit the process. A
   * signal does.
   * @returns A promise of the report, when the `onReport` hooks have run. It never rejects.
   * @throws {TypeError | RangeError} if `within` or `ago` is no duration
   */
  start(options: StartOptions = {}): Promise<DrainReport> {
    if (options.within !== undefined) duration('within', options.within)
    if (options.ago !== undefined) duration('ago', options.ago)
    void this.#course.start(options)
    return this.#ending.over
  }

  /**
   * Releases the process and the servers and runs the `onClose` and `onReport` hooks, without waiting for requests or
   * tasks. Use it in tests, and in an application that you close by hand. It does nothing to a committed drain, which
   * closes by itself.
   */
  async dispose(): Promise<void> {
    if (!this.#disposing && !this.committed && this.state !== 'closed') {
      // With `onClose` hooks the drain stays registered until they have run, so that a signal that arrives waits for them.
      if (this.#onClose.size === 0) this.#ending.unregister()
      this.#traffic.servers.release() // before the hooks, because requests are not counted any longer
      this.#disposing = this.#course.dispose().then(async () => void (await this.#ending.over))
    }
    await this.#disposing
  }

  /**
   * Emits an event. A listener that throws must keep neither the process from ending, nor other listeners from being
   * called.
   */
  #emitSafely<Name extends keyof DrainEvents>(name: Name, ...args: DrainEvents[Name]): void {
    for (const listener of (this as EventEmitter).rawListeners(name)) {
      try {
        listener.apply(this, args)
      } catch (error) {
        this.logger.error(`a listener of "${name}" failed: ${describe(error)}`)
      }
    }
  }

  get #whereabouts() {
    return { ...this.status(), elapsedMs: this.#course.budget?.elapsed ?? 0, waits: this.#course.waits }
  }
}
