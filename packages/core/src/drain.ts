import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { Server } from 'node:net'
import { Traffic } from './http/traffic.js'
import { type DrainOptions, type ResolvedOptions, resolveOptions } from './options.js'
import { interruptIsTermination, killedAfter } from './process/managers.js'
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
} from './shared/states.js'
import { duration, fail } from './shared/validate.js'
import { Course } from './termination/course.js'
import { type Hook, type HookOptions, Hooks } from './termination/hooks.js'
import { closedEarlyLine, introduction, progressLine, unknownConnections } from './termination/sentences.js'
import { type TaskOptions, Tasks } from './termination/tasks.js'
import { environmentOfProcess } from './workers/environment.js'

export interface WatchOptions {
  /** Closes the framework, after the last request. @default nothing: the server itself is closed in any case */
  close?: Hook
  /** The name of that in the log and the report. @default 'close' */
  name?: string
  /** Answers a request in front of all listeners of the application, and says so: see `controlEndpoints`. */
  answer?: Answer
}

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
  readonly #course: Course
  readonly #unregister: () => void
  #introduced = false
  /** Whether the process exits when it is over. */
  #exits = false
  #disposing: Promise<void> | undefined

  constructor(options: DrainOptions = {}) {
    super()
    this.setMaxListeners(0) // each attachment listens to it, and there may be any number
    this.#options = resolveOptions(options)
    const { budget, clock, logger, hookTimeout, keepAliveCap, settle, signals, errors, behind } = this.#options
    const look = (): void => this.#course.look()
    this.#traffic = new Traffic({
      clock,
      keepAliveCap,
      quiet: settle.quiet,
      // Not all of `settle.min`, or the last who are led away would prolong the wait by `settle.quiet`.
      ramp: Math.max(settle.min - settle.quiet, settle.min / 2),
      onIdle: look,
      onAbandoned: (handling, url) => this.#tasks.abandoned.add(handling, url),
      onClosedEarly: (_server, by) => logger.error(closedEarlyLine(by)),
      onUnknown: (count) => {
        logger.warn(
          `${unknownConnections(count)}: requests on such a connection are not counted until the next one comes, and its ` +
            'client cannot be led away. Watch a server before it listens',
        )
      },
      onListening: (server) => {
        const line = this.#introduced ? undefined : introduction(this.#options)
        this.#introduced = true
        if (line !== undefined) logger.info(line)
        checkKeepAlive(server, behind, logger)
        environmentOfProcess().listening(server)
      },
    })
    this.#tasks = new Tasks(clock, logger, hookTimeout, look)
    this.#onDrain = new Hooks('onDrain', clock, logger, hookTimeout)
    this.#onResume = new Hooks('onResume', clock, logger, hookTimeout)
    this.#onClose = new Hooks('onClose', clock, logger, hookTimeout)
    this.#frameworks = new Hooks('close', clock, logger, budget)
    const { closing, reserve, progress, process, balancers } = this.#options
    this.#course = new Course({
      clock,
      logger,
      times: { budget, closing, reserve, settle },
      balancers,
      progress,
      outlived: process.outlived ?? false,
      handOver: () => environmentOfProcess().handOver(),
      interruptIsTermination,
      killedAfter,
      traffic: this.#traffic,
      tasks: this.#tasks,
      onDrain: this.#onDrain,
      onResume: this.#onResume,
      onClose: this.#onClose,
      frameworks: this.#frameworks,
      onState: (state, previous) => this.#tell('state', state, previous),
      onCommit: (how) => this.#tell('commit', how),
      progressLine: () => this.#progress(),
    })
    // Now, not at listen(): a signal while the application still starts must not kill it half-way.
    this.#unregister = process.register({
      signals,
      errors,
      end: async (cause) => {
        this.#exits = true
        const report =
          'error' in cause ? this.#course.uncaught(cause.error) : this.#course.signalled(cause.signal, cause.ago)
        return (await report).clean
      },
      again: (cause) => {
        if ('error' in cause) void this.#course.uncaught(cause.error)
        else logger.alarm(`second ${cause.signal}, exiting now: ${this.#progress()}`)
      },
      cut: () => {
        if (this.state === 'closed') return false
        logger.alarm(`something called process.exit() before the drain was over: ${this.#progress()}`)
        return this.inFlight > 0 || this.#tasks.size > 0
      },
      left: () => this.#course.budget?.left ?? 0,
      info: (message) => logger.info(message),
      warn: (message) => logger.warn(message),
    })
    void this.#course.report.then((report) => {
      this.#unregister()
      this.#traffic.servers.release(this.#exits)
      this.#tell('report', report)
    })
  }

  get state(): DrainState {
    return this.#course.state
  }

  /** Whether the process will end. `/prestop` alone does not commit. */
  get committed(): boolean {
    return this.#course.committed
  }

  /** Requests in flight: begun, and the response not yet sent and closed. */
  get inFlight(): number {
    return this.#traffic.inFlight
  }

  /** Where it writes its lines. */
  get logger(): Logger {
    return this.#options.logger
  }

  /** Where it gets its time from. */
  get clock(): Clock {
    return this.#options.clock
  }

  /** How it shares out its time: its options, with the defaults. */
  get times(): DrainTimes {
    const { gracePeriod, reserve, closing, behind, settle, balancers } = this.#options
    return { gracePeriod, reserve, closing, behind, ...(balancers ? {} : { balancers }), settle: { ...settle } }
  }

  /** Whether a server it watches accepts connections; true if it knows of none, as in a worker. */
  get listening(): boolean {
    return this.#traffic.servers.listening
  }

  /** Whether it has had a server to watch: it was given one, or a request has led to one. */
  get knowsServer(): boolean {
    return this.#traffic.servers.known
  }

  /** Aborts when the drain begins: end event streams, answer long polls, take no new job. A new one after `resume`. */
  get signal(): AbortSignal {
    return this.#course.signal
  }

  /** Aborts when what is still open will soon be cut: answer now, or hand the work back. */
  get lastCall(): AbortSignal {
    return this.#course.lastCall
  }

  /** What there is to wait for. */
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
   * Watches a server of `node:http`, `node:https` or `node:http2`: counts its requests from now on, also those that no
   * middleware sees, and closes it at the end.
   * @throws {Error} if another Drain watches the server
   */
  watch(server: Server, options: WatchOptions = {}): this {
    const { close, name = 'close', answer } = options
    this.#traffic.servers.watch(server, answer)
    if (close) this.#frameworks.add(close, { name })
    return this
  }

  /**
   * Counts a request, for a middleware that has no server at hand. The first one leads to the server, which is watched
   * from then on; for later ones this does nothing.
   * @param answer as in `WatchOptions`, for later requests
   * @returns whether the request was counted before, on its server
   */
  track(request: IncomingMessage, response: ServerResponse, answer?: Answer): boolean {
    return this.#traffic.track(request, response, answer)
  }

  /** The request is none of a user's: a control endpoint, a scrape. It is not counted, and traffic may be quiet still. */
  exclude(request: IncomingMessage, response: ServerResponse): void {
    this.#traffic.exclude(request, response)
  }

  /**
   * Says what a handler returned for a response, so that the drain can wait for a handler whose client has gone, for up to
   * `hookTimeout`: it still uses what the `onClose` hooks close. Costs a small object until the response closes.
   */
  handling(response: ServerResponse | Http2ServerResponse, handling: unknown): void {
    this.#traffic.handling(response, handling)
  }

  /** A control endpoint has refused a caller. */
  refused(refusal: Refusal): void {
    this.#tell('refused', refusal)
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
   * @returns A promise that resolves once load balancers have stopped sending and all requests are answered, or when
   * the rest of the budget is needed for closing.
   */
  prestop(options: PrestopOptions = {}): Promise<void> {
    if (options.ago !== undefined) duration('ago', options.ago)
    return this.#course.prestop(options)
  }

  /**
   * Says that the pod has been deleted, as the cluster knows it: drains tentatively, and with exactly the time that there is,
   * more or less than `terminationGracePeriodSeconds` says. Said again, the time only gets shorter. A drain that goes on
   * already gets the same time, counted from its own first sign.
   */
  terminating(options: TerminatingOptions): void {
    duration('gracePeriod', options.gracePeriod)
    if (options.ago !== undefined) duration('ago', options.ago)
    this.#course.terminating(options)
    this.#tell('terminating', options)
  }

  /**
   * Adds somebody who knows whether load balancers have stopped sending. Of several, `false` outweighs `undefined`, and that `true`.
   * @returns what takes it back
   */
  settledWhen(condition: SettleCondition): () => void {
    if (typeof condition !== 'function') fail(TypeError, 'settledWhen() expected a function', condition)
    return this.#course.settledWhen(condition)
  }

  /** Drains and closes. Further calls join the first. It does not exit the process: that is for the signals. */
  start(options: StartOptions = {}): Promise<DrainReport> {
    if (options.within !== undefined) duration('within', options.within)
    if (options.ago !== undefined) duration('ago', options.ago)
    return this.#course.start(options)
  }

  /**
   * Lets go of the process and the servers and runs the `onClose` hooks, without waiting for anything: for tests, and for
   * an application that is closed by hand. While a drain is committed it does nothing, as that does all this itself.
   */
  async dispose(): Promise<void> {
    if (!this.#disposing && !this.committed && this.state !== 'closed') {
      // Where hooks run, a signal that comes meanwhile waits for them: the process is let go when they are done.
      if (this.#onClose.size === 0) this.#unregister()
      this.#traffic.servers.release() // before the hooks: from now on nothing is counted
      this.#disposing = this.#course.dispose()
    }
    await this.#disposing
  }

  /** A listener that throws must not keep the process from ending, nor others (workers wait for them) from hearing of it. */
  #tell<Name extends keyof DrainEvents>(name: Name, ...args: DrainEvents[Name]): void {
    for (const listener of (this as EventEmitter).rawListeners(name)) {
      try {
        listener.apply(this, args)
      } catch (error) {
        this.logger.error(`a listener of "${name}" failed: ${describe(error)}`)
      }
    }
  }

  #progress(): string {
    return progressLine({
      ...this.status(),
      elapsedMs: this.#course.budget?.elapsed ?? 0,
      waits: this.#course.waits,
    })
  }
}
