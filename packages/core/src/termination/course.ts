import { setMaxListeners } from 'node:events'
import type { Traffic } from '../http/traffic.js'
import { type Clock, within } from '../shared/clock.js'
import { describe } from '../shared/errors.js'
import type { DrainLogger } from '../shared/log.js'
import { type DrainReport, reportOf } from '../shared/report.js'
import type { DrainState, PrestopOptions, SettleCondition, StartOptions, TerminatingOptions } from '../shared/states.js'
import { lastMoment, leastGrace, lookInterval } from '../shared/timing.js'
import { Budget } from './budget.js'
import { type Closed, close, nothingClosed, stopListening } from './closing.js'
import type { Hooks } from './hooks.js'
import { logReport, progressLine } from './sentences.js'
import { Settle } from './settle.js'
import type { Tasks } from './tasks.js'

/** That the process will end, and how. */
type Commitment = Required<Pick<StartOptions, 'reason' | 'settle'>>

export interface CourseOptions {
  readonly clock: Clock
  readonly logger: DrainLogger
  /** How the grace period is shared out, in milliseconds: see options.ts. */
  readonly times: {
    /** From the first sign to the deadline. */
    readonly budget: number
    readonly closing: number
    readonly reserve: number
    readonly settle: { readonly min: number; readonly quiet: number; readonly max: number }
  }
  /** Whether something may stand in front that has to learn that the process goes. */
  readonly balancers: boolean
  /** Milliseconds between two progress lines. */
  readonly progress: number | false
  /** Whether another process of the pod goes on after this one, and will see to what the kernel holds. */
  readonly outlived: boolean
  /** Resolves when the connections have come that another process has accepted for this one. */
  readonly handOver: () => Promise<void>
  /** Whether SIGINT asks for what SIGTERM does, and is no Ctrl-C of a person. */
  readonly interruptIsTermination: () => boolean
  /** Milliseconds from a signal to SIGKILL, where whoever signals has less patience than the pod has time. */
  readonly killedAfter: () => number | undefined
  readonly traffic: Traffic
  readonly tasks: Tasks
  readonly onDrain: Hooks
  readonly onResume: Hooks
  readonly onClose: Hooks
  readonly frameworks: Hooks
  readonly onState: (state: DrainState, previous: DrainState) => void
  /** It is committed now. */
  readonly onCommit: (how: StartOptions) => void
  /** A line about what is still open. */
  readonly progressLine: () => string
}

/** The course from serving to closed: which state it is, what ends it, how much time is left. */
export class Course {
  readonly #options: CourseOptions
  readonly #traffic: Traffic
  readonly #settle: Settle
  #finish: (report: DrainReport) => void = () => {}
  #state: DrainState = 'serving'
  #began = controller()
  #lastCall = controller()
  #budget: Budget | undefined
  #commitment: Commitment | undefined
  #error: unknown
  /** What began the drain. */
  #cause = ''
  /** Settles when the onDrain and onResume hooks that have begun have ended, one kind after the other; undefined if all have. */
  #announced: Promise<unknown> | undefined
  /** Since when load balancers are not waited for. */
  #hurried: number | undefined
  /** When it was last looked whether all requests in flight have come since then. */
  #askedAt = Number.NEGATIVE_INFINITY
  /** Whether the listeners are closed, or are just being closed. */
  #refusing = false
  /** The steps that have failed. */
  readonly #failed = new Set<string>()
  /** Those that wait until it has settled, and whether each is the hook. */
  readonly #prestops = new Map<() => void, boolean>()
  readonly #conditions = new Set<SettleCondition>()
  /** Resolves when it is closed. */
  readonly report: Promise<DrainReport>

  constructor(options: CourseOptions) {
    this.#options = options
    this.#traffic = options.traffic
    this.#settle = new Settle({
      clock: options.clock,
      clients: options.traffic,
      tasks: options.tasks,
      times: options.times.settle,
      progress: options.progress,
      endpoints: () => this.#endpoints(),
      onOver: (budget) => this.#over(budget),
      onLastCall: () => this.#lastCall.abort(),
      onHurried: () => this.#refuse(),
      onExpired: () => this.#resume(),
      onProgress: () => options.logger.info(options.progressLine()),
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

  /** Drains tentatively. Resolves when the wait is over, or when `gone` aborts. */
  async prestop({ gone, hook = true, ago }: PrestopOptions): Promise<void> {
    if (this.#state === 'serving') this.#begin('the preStop hook', this.#newBudget(ago))
    if (this.#state !== 'draining' || gone?.aborted) return
    await new Promise<void>((resolve) => {
      const leave = (): void => {
        this.#prestops.delete(leave)
        gone?.removeEventListener('abort', leave)
        resolve()
      }
      this.#prestops.set(leave, hook)
      gone?.addEventListener('abort', leave)
      this.look()
    })
  }

  /** Drains tentatively, if it does not drain, with the time that there really is. */
  terminating({ gracePeriod, ago = 0 }: TerminatingOptions): void {
    const isFirst = this.#state === 'serving'
    // Whoever sends may have learned of it only now: `ago` takes of the time, not of the wait for them.
    const budget = isFirst ? this.#newBudget() : this.#budget
    if (!budget || this.#state === 'closed') return
    // A sign of it may have come before the word: the kubelet counts from there.
    const since = Math.max(budget.elapsed, ago)
    budget.killedIn(Math.max(gracePeriod - since, leastGrace), this.#options.times.reserve)
    if (isFirst) this.#begin('the deletion of the pod', budget)
    // Else the next look comes as soon as it would have.
    if (isFirst || budget.cut <= this.#options.clock.now()) this.look()
  }

  /** @returns what takes the condition back */
  settledWhen(condition: SettleCondition): () => void {
    this.#conditions.add(condition)
    return () => void this.#conditions.delete(condition)
  }

  /** Drains and closes. */
  start(how: StartOptions): Promise<DrainReport> {
    const { reason = 'start()', within } = how
    const settle = (how.settle ?? true) && this.#options.balancers
    const isFirst = !this.committed
    this.#commitment ??= { reason, settle }
    if (isFirst) this.#options.onCommit(how)
    if (this.#state === 'serving') this.#begin(reason)
    // It takes of the time, not of the wait for load balancers: they may learn of this server only now.
    if (isFirst && how.ago !== undefined) this.#budget?.shortenTo(this.#options.times.budget - how.ago)
    if (within !== undefined) this.#budget?.shortenTo(within)
    if (!settle) {
      this.#commitment.settle = false
      this.#hurried ??= this.#options.clock.now()
      this.#traffic.hurry()
    }
    this.look()
    return this.report
  }

  /**
   * A signal asks the process to end.
   * @param ago Milliseconds since it came, for a drain that was made afterwards
   */
  signalled(signal: string, ago?: number): Promise<DrainReport> {
    // The kubelet signals when the hook has answered or when the grace period is spent, and the hook has not answered.
    const late = [...this.#prestops.values()].includes(true)
    if (late) return this.start({ reason: signal, settle: false, within: lastMoment })
    const settle = signal !== 'SIGINT' || this.#options.interruptIsTermination()
    const report = this.start({ reason: signal, settle, ...(ago === undefined ? {} : { ago }) })
    const { clock, times, killedAfter } = this.#options
    const patience = killedAfter()
    if (patience !== undefined && this.#budget && clock.now() + patience < this.#budget.killed) {
      this.#budget.killedIn(patience, times.reserve)
    }
    return report
  }

  /** An error that nobody caught asks the process to end. */
  uncaught(error: unknown): Promise<DrainReport> {
    this.#options.logger.alarm(
      `uncaught: ${describe(error)}\n(podrain drains and exits with 1 because of it; \`errors: false\` leaves such errors to the application)`,
    )
    this.#error ??= error ?? new Error('uncaught, without a reason')
    // While it drains already, load balancers are still learning of it: the wait goes on, for everybody else's sake.
    return this.start({ reason: 'an uncaught error', settle: this.#state !== 'serving' })
  }

  /** Closes without waiting for anything. Not while a drain is committed: that does so itself. */
  async dispose(): Promise<void> {
    this.#settle.stop()
    this.#enter('closed')
    this.#releasePrestops()
    const hooks = await this.#options.onClose.runNewestFirst(() => this.#options.times.budget)
    this.#end('dispose()', 0, { ...nothingClosed(), hooks: [...hooks] })
  }

  /** Looks whether the wait is over, and again a little later if not. */
  look(): void {
    if (this.#state !== 'draining' || !this.#budget) return
    this.#settle.look(this.#budget, this.committed, this.#balancers)
  }

  /** What is waited for beside requests and tasks, in words. */
  get waits(): string[] {
    if (this.#state !== 'draining' || !this.#budget) return []
    return this.#settle.waits(this.#budget, this.committed, this.#balancers)
  }

  get #balancers(): boolean {
    return this.#commitment?.settle ?? this.#options.balancers
  }

  /** @param ago Milliseconds since it began. */
  #newBudget(ago?: number): Budget {
    const { budget, closing, reserve } = this.#options.times
    return new Budget(this.#options.clock, budget, closing, ago, reserve)
  }

  #begin(reason: string, budget: Budget = this.#newBudget()): void {
    const { logger, tasks } = this.#options
    this.#budget = budget
    this.#settle.begin()
    this.#traffic.drain()
    this.#enter('draining')
    // Without the oldest request: to find it takes a look at every connection.
    const { inFlight } = this.#traffic
    const { elapsed: elapsedMs, left: budgetMs } = budget
    const open = { state: this.#state, elapsedMs, budgetMs, inFlight, oldest: null, tasks: tasks.names }
    logger.info(`draining because of ${reason}: ${progressLine(open)}`)
    this.#cause = reason
    this.#began.abort()
    const { onDrain, onResume } = this.#options
    this.#announce(onDrain, onResume, () => this.#budget?.left ?? 0)
  }

  /** Runs hooks that undo what others have done: after those, or the slower of two would have the last word. */
  #announce(hooks: Hooks, others: Hooks, left: () => number): void {
    const before = this.#announced
    const after = before || others.running ? Promise.resolve(before).then(() => others.ended(left)) : undefined
    const announced = hooks.runTogether(left, { after })
    this.#announced = announced
    void announced.then(() => {
      if (this.#announced === announced) this.#announced = undefined
    })
  }

  /**
   * Load balancers are not waited for, so whoever still comes must not prolong it: no connection is accepted any more once
   * nothing is in flight that was there before. Until then, to serve the others costs no time.
   */
  #refuse(): void {
    const { clock, traffic } = this.#options
    if (this.#refusing || this.#hurried === undefined) return
    const now = clock.now()
    // To look at every request takes a while, and is in vain as long as nobody new has come.
    if (now < this.#askedAt + lookInterval) return
    if (traffic.inFlight > 0 && traffic.lastArrival < this.#hurried) return
    this.#askedAt = now
    const [oldest] = traffic.open()
    if (oldest && oldest.ageMs + 1 >= now - this.#hurried) return
    this.#refusing = true
    stopListening(this.#options, () => this.#budget?.left ?? 0).catch((error) => this.#fail('to stop listening', error))
  }

  /** A step of the drain has failed: the others go on, and the report is not clean. */
  readonly #fail = (step: string, error: unknown): void => {
    this.#error ??= error ?? new Error(`failed ${step}`)
    if (this.#failed.has(step)) return
    this.#failed.add(step)
    this.#options.logger.alarm(`failed ${step}: ${describe(error)}`)
  }

  /** One who knows of a sender outweighs those who know of none. */
  #endpoints(): boolean | undefined {
    let verdict: boolean | undefined = this.#conditions.size > 0 ? true : undefined
    for (const condition of this.#conditions) {
      let word: boolean | undefined
      try {
        word = condition()
      } catch (error) {
        this.#options.logger.error(`a condition of settledWhen() failed: ${describe(error)}`)
        this.#conditions.delete(condition)
      }
      if (word === false) return false
      verdict &&= word
    }
    return verdict
  }

  #over(budget: Budget): void {
    this.#releasePrestops()
    // Not twice: what is called here may have called start() in turn.
    if (!this.#commitment || this.#state !== 'draining') return
    const { reason } = this.#commitment
    void this.#close(budget, reason)
  }

  /** Never rejects, and ends at the deadline whatever hangs. */
  async #close(budget: Budget, reason: string): Promise<void> {
    this.#settle.stop()
    this.#enter('closing')
    this.#lastCall.abort()
    const { clock, logger, onDrain, times } = this.#options
    const settleMs = budget.elapsed
    const closed = nothingClosed()
    const closing = close(
      {
        ...this.#options,
        budget,
        announced: async () => this.#announced,
        onFailure: this.#fail,
        onRemark: (message) => logger.warn(message),
      },
      closed,
    ).catch((error) => this.#fail('to close', error))
    // Each step keeps to the deadline by itself. This is for one that does not.
    await within(clock, budget.left + times.reserve / 2, closing)
    this.#enter('closed')
    const report = this.#end(reason, settleMs, { ...closed, hooks: [...onDrain.results, ...closed.hooks] })
    logReport(logger, report)
  }

  #end(reason: string, settleMs: number, closed: Closed): DrainReport {
    const durationMs = this.#budget?.elapsed ?? 0
    const { answered, closedEarly } = this.#traffic
    const course = { reason, durationMs, settleMs, answered, closedEarly: [...closedEarly], ...closed }
    const report = reportOf(course, this.#error)
    this.#finish(report)
    return report
  }

  #resume(): void {
    this.#budget = undefined
    try {
      this.#traffic.resume()
    } catch (error) {
      this.#fail('to serve as before', error)
    }
    this.#began = controller()
    this.#lastCall = controller()
    this.#enter('serving')
    this.#releasePrestops()
    this.#options.logger.warn(`no signal followed ${this.#cause} within the grace period: serving again`)
    const { onDrain, onResume, times } = this.#options
    this.#announce(onResume, onDrain, () => times.budget)
  }

  /** The one place where the state changes. */
  #enter(state: DrainState): void {
    const previous = this.#state
    this.#state = state
    this.#options.onState(state, previous)
  }

  #releasePrestops(): void {
    for (const leave of [...this.#prestops.keys()]) leave()
  }
}

/** Any number of streams and jobs may listen to one drain. */
function controller(): AbortController {
  const abort = new AbortController()
  setMaxListeners(0, abort.signal)
  return abort
}
