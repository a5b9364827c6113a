import { setMaxListeners } from 'node:events'
import type { Traffic } from '../http/traffic.js'
import { type Clock, within } from '../shared/clock.js'
import { describe, messageOf } from '../shared/errors.js'
import type { DrainLogger } from '../shared/log.js'
import { type DrainReport, reportOf } from '../shared/report.js'
import type {
  DrainState,
  PrestopOptions,
  SettleCondition,
  StartOptions,
  TerminatingOptions,
  Vacancy,
} from '../shared/states.js'
import { lastMoment, leastGrace, longestTimer } from '../shared/timing.js'
import { Announcements } from './announcements.js'
import { Budget } from './budget.js'
import { type Closed, close, nothingClosed, stopListening } from './closing.js'
import { SettleConditions } from './conditions.js'
import { EarlyStop } from './early-stop.js'
import type { Hooks } from './hooks.js'
import { logReport, noServerLine, progressLine, unseenServerLine } from './sentences.js'
import { SettleWait } from './settle.js'
import type { Tasks } from './tasks.js'
import { Waiters } from './waiters.js'

/** Why the process will end, and whether the drain waits for load balancers. Set when the drain is committed. */
type Commitment = Required<Pick<StartOptions, 'reason' | 'settle'>>

export interface CourseOptions {
  readonly clock: Clock
  readonly logger: DrainLogger
  /** How the grace period is shared out, in milliseconds (see options.ts). */
  readonly times: {
    /** From the first sign to the deadline. */
    readonly budget: number
    readonly closing: number
    readonly reserve: number
    readonly settle: { readonly min: number; readonly quiet: number; readonly max: number }
  }
  /** Whether load balancers may send to this process. If they may, the drain waits until they have stopped. */
  readonly balancers: boolean
  /** Milliseconds between two progress lines. */
  readonly progress: number | false
  /** Whether another process of the pod outlives this one, and waits for what the kernel holds. */
  readonly outlived: boolean
  /** Resolves when this process has received the connections that another process accepted for it. */
  readonly handOver: () => Promise<void>
  /** Whether SIGINT means the same as SIGTERM, and is not a Ctrl-C. */
  readonly interruptIsTermination: () => boolean
  /**
   * Milliseconds from a signal to SIGKILL, if a process manager gives less than the pod has; undefined if none does.
   */
  readonly killedAfter: () => number | undefined
  readonly traffic: Traffic
  readonly tasks: Tasks
  readonly onDrain: Hooks
  readonly onResume: Hooks
  readonly onClose: Hooks
  readonly frameworks: Hooks
  readonly onState: (state: DrainState, previous: DrainState) => void
  /** Called when the drain is committed. */
  readonly onCommit: (how: StartOptions) => void
  /** Called when a running drain has changed, because the outcome so far must then be written again. */
  readonly onNews: () => void
  /** Returns a line about what is still open. */
  readonly progressLine: () => string
}

/** The state machine of a drain, from serving to closed: the state, what leads to the next one, and the budget. */
export class Course {
  readonly #options: CourseOptions
  readonly #traffic: Traffic
  readonly #settle: SettleWait
  readonly #conditions: SettleConditions
  readonly #earlyStop: EarlyStop
  #finish: (report: DrainReport) => void = () => {}
  #state: DrainState = 'serving'
  #began = controller()
  #lastCall = controller()
  #budget: Budget | undefined
  /** The `vacate()` that began the drain. Set as long as no grace period runs. */
  #vacancy: object | undefined
  #commitment: Commitment | undefined
  #error: unknown
  /** What began the drain, for the log. */
  #cause = ''
  /** The steps that have failed, so that each is logged once. */
  readonly #failed = new Set<string>()
  /** The pending calls of `prestop()` and `vacate()`. */
  readonly #waiters = new Waiters()
  readonly #announcements: Announcements
  /** Resolves when the state is `closed`. */
  readonly report: Promise<DrainReport>

  constructor(options: CourseOptions) {
    this.#options = options
    this.#traffic = options.traffic
    const { clock, traffic, tasks, logger } = options
    this.#conditions = new SettleConditions(logger)
    this.#announcements = new Announcements(options.onDrain, options.onResume)
    this.#earlyStop = new EarlyStop({
      clock,
      traffic,
      stop: () => {
        const left = (): number => this.#budget?.left ?? 0
        stopListening(options, left).catch((error) => this.#fail('to stop listening', error))
      },
    })
    this.#settle = new SettleWait({
      clock,
      clients: traffic,
      tasks,
      times: options.times.settle,
      progress: options.progress,
      endpoints: () => this.#conditions.verdict(),
      onOver: (budget) => this.#over(budget),
      onLastCall: () => {
        this.#lastCall.abort()
        options.onNews()
      },
      onChecked: () => this.#earlyStop.check(),
      onExpired: () => this.#expire(),
      onProgress: () => {
        logger.info(options.progressLine())
        options.onNews()
      },
      onFailure: this.#fail,
    })
    this.report = new Promise((resolve) => {
      this.#finish = resolve
    })
  }

  get state(): DrainState {
    return this.#state
  }

  get committed(): boolean {
    return this.#commitment !== undefined
  }

  get signal(): AbortSignal {
    return this.#began.signal
  }

  get lastCall(): AbortSignal {
    return this.#lastCall.signal
  }

  /** Undefined while serving. */
  get budget(): Budget | undefined {
    return this.#budget
  }

  /** What the outcome of a running drain says besides what the drain waits for. */
  get circumstances(): Pick<DrainReport, 'reason' | 'startedAt' | 'closedEarly' | 'error'> {
    const { reason = this.#cause } = this.#commitment ?? {}
    const startedAt = this.#budget?.startedAt ?? Date.now()
    return { reason, startedAt, closedEarly: [...this.#traffic.closedEarly], error: this.#error }
  }

  /** Drains tentatively. Resolves when the wait is over or when `signal` aborts. */
  async prestop({ signal, hook = true, ago }: PrestopOptions): Promise<void> {
    if (this.#state === 'serving') this.#begin('the preStop hook', this.#newBudget(ago))
    else this.#startGracePeriod(ago)
    if (this.#state !== 'draining' || signal?.aborted) return
    await this.#wait(hook, signal)
  }

  /** Drains tentatively and without a deadline, unless a drain has begun. The grace period counts from the next sign. */
  vacate(reason: string): Vacancy {
    if (this.#state === 'serving') {
      this.#vacancy = {}
      this.#begin(reason, new Budget(this.#options.clock, longestTimer, 0))
    }
    const vacancy = this.#vacancy
    const began = this.#began
    const isVacated = (): boolean => this.#began === began && this.#isVacated
    return {
      vacated: this.#state === 'draining' ? this.#wait(false).then(isVacated) : Promise.resolve(false),
      undo: () => {
        if (!vacancy || this.#vacancy !== vacancy || this.#state !== 'draining') return
        this.#resume()
        this.#options.logger.info(`${this.#cause} is withdrawn: serving again`)
      },
    }
  }

  /** Resolves when the wait for clients and requests is over, or when the drain is over. */
  async #wait(hook: boolean, signal?: AbortSignal): Promise<void> {
    const over = this.#waiters.wait(hook, signal)
    this.check()
    await over
  }

  /** Drains tentatively, unless a drain has begun. In both cases the drain gets the grace period that the cluster gives. */
  terminating({ gracePeriod, ago = 0 }: TerminatingOptions): void {
    const isFirst = this.#state === 'serving'
    // `ago` shortens the time but not the wait for load balancers, because those may have learned of the deletion only
    // now.
    const hadGracePeriod = !this.#vacancy
    this.#startGracePeriod()
    const budget = isFirst ? this.#newBudget() : this.#budget
    if (!budget || this.#state === 'closed') return
    // The kubelet counts from the first sign, which may have come before this call.
    const since = Math.max(budget.elapsed, ago)
    budget.killedIn(Math.max(gracePeriod - since, leastGrace), this.#options.times.reserve)
    if (isFirst) this.#begin('the deletion of the pod', budget)
    // In all other cases the next scheduled check comes early enough.
    if (isFirst || !hadGracePeriod || budget.cut <= this.#options.clock.now()) this.check()
  }

  /** @returns The function that removes the condition. */
  settledWhen(condition: SettleCondition): () => void {
    return this.#conditions.add(condition)
  }

  /** Drains and closes. */
  start(how: StartOptions): Promise<DrainReport> {
    const { reason = 'start()', within } = how
    const settle = (how.settle ?? true) && this.#options.balancers
    const isFirst = !this.committed
    this.#commitment ??= { reason, settle }
    if (isFirst) this.#options.onCommit(how)
    if (this.#state === 'serving') this.#begin(reason)
    else this.#startGracePeriod()
    // `ago` shortens the time but not the wait for load balancers, because those may learn of this server only now.
    if (isFirst && how.ago !== undefined) this.#budget?.shortenTo(this.#options.times.budget - how.ago)
    if (within !== undefined) this.#budget?.shortenTo(within)
    if (!settle) {
      this.#commitment.settle = false
      this.#earlyStop.begin()
      this.#traffic.hurry()
    }
    this.check()
    return this.report
  }

  /**
   * Commits the drain because of a signal.
   * @param ago Milliseconds since the signal, for a drain that was created later.
   */
  signalled(signal: string, ago?: number): Promise<DrainReport> {
    // The kubelet signals when its hook was answered, or when the grace period is spent. The hook was not answered yet, so
    // the grace period is spent.
    if (this.#waiters.includesHook) {
      this.#budget?.spent()
      return this.start({ reason: signal, settle: false, within: lastMoment })
    }
    const settle = signal !== 'SIGINT' || this.#options.interruptIsTermination()
    const report = this.start({ reason: signal, settle, ...(ago === undefined ? {} : { ago }) })
    const { clock, times, killedAfter } = this.#options
    const ms = killedAfter()
    if (ms !== undefined && this.#budget && clock.now() + ms < this.#budget.killed) {
      this.#budget.killedIn(ms, times.reserve)
    }
    return report
  }

  /** Commits the drain because of an uncaught error. */
  uncaught(error: unknown): Promise<DrainReport> {
    this.#options.logger.alarm(
      `uncaught: ${describe(error)}\n(podrain drains and exits with 1 because of it; \`errors: false\` leaves such errors to the application)`,
    )
    this.#error ??= error ?? new Error('uncaught, without a reason')
    // If a drain has begun, load balancers still send to this process. Then the wait goes on, because all other requests
    // would be lost without it.
    return this.start({ reason: 'an uncaught error', settle: this.#state !== 'serving' })
  }

  /** Closes without waiting for anything. Must not be called for a committed drain, which closes by itself. */
  async dispose(): Promise<void> {
    this.#settle.stop()
    this.#enter('closed')
    this.#waiters.release()
    const hooks = await this.#options.onClose.runNewestFirst(() => this.#options.times.budget)
    this.#end('dispose()', 0, { ...nothingClosed(), hooks: [...hooks] })
  }

  /** Checks whether the wait is over. If not, the next check is scheduled. */
  check(): void {
    if (this.#state !== 'draining' || !this.#budget) return
    this.#settle.check(this.#budget, this.committed, this.#balancers)
  }

  /** What the drain waits for besides requests and tasks, in words. */
  get waits(): string[] {
    if (this.#state !== 'draining' || !this.#budget) return []
    // A pod that vacates does not wait for a signal, because possibly none comes.
    return this.#settle.waits(this.#budget, this.committed || this.#vacancy !== undefined, this.#balancers)
  }

  get #isVacated(): boolean {
    return this.#state === 'draining' && this.#traffic.inFlight === 0 && this.#options.tasks.size === 0
  }

  get #balancers(): boolean {
    return this.#commitment?.settle ?? this.#options.balancers
  }

  /** @param ago Milliseconds since the first sign. */
  #newBudget(ago?: number): Budget {
    const { budget, closing, reserve } = this.#options.times
    return new Budget(this.#options.clock, budget, closing, ago, reserve)
  }

  /**
   * Starts the grace period of a drain that `vacate()` has begun, because the first sign has come that the pod ends.
   * @param ago Milliseconds since that sign.
   */
  #startGracePeriod(ago?: number): void {
    if (!this.#vacancy) return
    this.#vacancy = undefined
    if (this.#state !== 'draining') return
    this.#budget = this.#newBudget(ago)
  }

  #begin(reason: string, budget: Budget = this.#newBudget()): void {
    const { logger, tasks } = this.#options
    this.#budget = budget
    this.#cause = reason
    this.#settle.begin()
    this.#traffic.drain()
    this.#enter('draining')
    // Without `oldest`, because finding the oldest request takes a pass over all connections.
    const { inFlight } = this.#traffic
    const { elapsed: elapsedMs, left: budgetMs } = budget
    const open = { state: this.#state, elapsedMs, budgetMs, inFlight, oldest: null, tasks: tasks.names }
    logger.info(`draining because of ${reason}: ${progressLine(open)}`)
    this.#began.abort()
    this.#announcements.begun(() => this.#budget?.left ?? 0)
  }

  /** Reports the failure of a step. The other steps go on, and the report is not clean. */
  readonly #fail = (step: string, error: unknown): void => {
    this.#error ??= new Error(`failed ${step}: ${messageOf(error)}`, { cause: error })
    if (this.#failed.has(step)) return
    this.#failed.add(step)
    this.#options.logger.alarm(`failed ${step}: ${describe(error)}`)
  }

  #over(budget: Budget): void {
    this.#waiters.release()
    // One of the waiters may have called start(), and then the drain closes already.
    if (!this.#commitment || this.#state !== 'draining') return
    const { reason } = this.#commitment
    void this.#close(budget, reason)
  }

  /** Never rejects, and ends at the deadline even if a step hangs. */
  async #close(budget: Budget, reason: string): Promise<void> {
    this.#settle.stop()
    this.#enter('closing')
    this.#lastCall.abort()
    const { clock, logger, onDrain, times } = this.#options
    const { unseen } = this.#traffic.servers
    if (unseen.any) logger.warn(unseenServerLine)
    else if (unseen.expected) logger.info(noServerLine)
    const settleMs = budget.elapsed
    const closed = nothingClosed()
    const closing = close(
      {
        ...this.#options,
        budget,
        announced: async () => this.#announcements.pending,
        onFailure: this.#fail,
        onRemark: (message) => logger.warn(message),
      },
      closed,
    ).catch((error) => this.#fail('to close', error))
    // Each step keeps to the deadline itself. This limit is for a step that fails to.
    await within(clock, budget.left + times.reserve / 2, closing)
    this.#enter('closed')
    const report = this.#end(reason, settleMs, { ...closed, hooks: [...onDrain.results, ...closed.hooks] })
    logReport(logger, report)
  }

  #end(reason: string, settleMs: number, closed: Closed): DrainReport {
    const durationMs = this.#budget?.elapsed ?? 0
    const startedAt = this.#budget?.startedAt ?? Date.now()
    const { answered, closedEarly } = this.#traffic
    const course = { reason, startedAt, durationMs, settleMs, answered, closedEarly: [...closedEarly], ...closed }
    const report = reportOf(course, this.#error)
    this.#finish(report)
    return report
  }

  #expire(): void {
    this.#resume()
    this.#options.logger.warn(`no signal followed ${this.#cause} within the grace period: serving again`)
  }

  #resume(): void {
    this.#settle.stop()
    this.#vacancy = undefined
    this.#budget = undefined
    try {
      this.#traffic.resume()
    } catch (error) {
      this.#fail('to serve as before', error)
    }
    this.#began = controller()
    this.#lastCall = controller()
    // Before listeners get the new state. A listener may begin the next drain, which has waiters and hooks of its own.
    this.#waiters.release()
    this.#announcements.resumed(() => this.#options.times.budget)
    this.#enter('serving')
  }

  /** Changes the state. No other method changes the state. */
  #enter(state: DrainState): void {
    const previous = this.#state
    this.#state = state
    if (state !== 'closed') this.#options.onNews()
    this.#options.onState(state, previous)
  }
}

/** A controller without a limit of listeners, because any number of streams and jobs may listen. */
function controller(): AbortController {
  const abort = new AbortController()
  setMaxListeners(0, abort.signal)
  return abort
}
