import { type Clock, timedOut, within } from '../shared/clock.js'
import { describe } from '../shared/errors.js'
import type { DrainLogger } from '../shared/log.js'
import type { DrainReport, HookResult } from '../shared/report.js'
import { fail } from '../shared/validate.js'

/**
 * Work of the application at a stage of the drain. A promise that it returns is awaited. An error that it throws is logged, and makes
 * the report unclean.
 */
export type Hook = () => unknown

/** Work of the application with the report of the drain. A promise that it returns is awaited. An error that it throws is logged. */
export type ReportHook = (report: DrainReport) => unknown

/** The options of a hook. */
export interface HookOptions {
  /** The name in the log and the report. @default the function's own name, or the kind and a number (`onClose 1`) */
  name?: string
  /**
   * Milliseconds after which the hook counts as timed out, and the drain goes on. @default the drain's `hookTimeout`
   */
  timeout?: number
  /**
   * Names of `onClose` hooks that must have finished before this one runs. Other kinds of hooks refuse this option. @default none:
   * the newest hook runs first, which is right if later resources use earlier ones
   */
  after?: string | readonly string[]
}

interface Entry<Arguments extends unknown[]> {
  readonly run: (...given: Arguments) => unknown
  readonly name: string
  readonly timeout: number
  readonly after: readonly string[]
}

/** The hooks of one kind, in the order they were added. */
export class Hooks<Arguments extends unknown[] = []> {
  readonly #kind: string
  readonly #clock: Clock
  readonly #logger: DrainLogger
  readonly #timeout: number
  readonly #entries: Entry<Arguments>[] = []
  #results: HookResult[] = []
  /** The hooks that were started and have not finished, including those that have timed out. Each has its timeout. */
  readonly #running = new Map<Promise<unknown>, number>()

  constructor(kind: string, clock: Clock, logger: DrainLogger, timeout: number) {
    this.#kind = kind
    this.#clock = clock
    this.#logger = logger
    this.#timeout = timeout
  }

  get size(): number {
    return this.#entries.length
  }

  add(run: Entry<Arguments>['run'], options: HookOptions): void {
    if (typeof run !== 'function') {
      throw new TypeError(`${this.#kind}() expected a function, got ${typeof run}`)
    }
    const {
      name = run.name || `${this.#kind} ${this.#entries.length + 1}`,
      timeout = this.#timeout,
      after = [],
    } = options
    if (!(timeout >= 0)) {
      throw new RangeError(`Expected \`timeout\` of hook "${name}" to be 0 or more milliseconds, got \`${timeout}\``)
    }
    const names = typeof after === 'string' ? [after] : after
    if (!Array.isArray(names) || names.some((each) => typeof each !== 'string')) {
      fail(TypeError, `Expected \`after\` of hook "${name}" to be the name of a hook, or a list of names`, after)
    }
    if (names.length > 0 && this.#kind !== 'onClose') {
      throw new TypeError(`\`after\` is for onClose hooks: those of ${this.#kind} run at the same time`)
    }
    this.#entries.push({ run, name, timeout, after: names })
  }

  /** Milliseconds that all hooks may take one after the other. */
  get claim(): number {
    return claimOf(this.#entries)
  }

  /**
   * Runs all hooks at the same time, because they do not depend on one another.
   * @param left Returns the milliseconds that they may take.
   * @param given The arguments of each hook.
   * @param hold Whether the timers of the hooks keep the process alive.
   * @param after The hooks begin when this promise has resolved. It must not reject.
   * @param measured The time of the hooks begins when this promise has resolved. It must not reject. Without it, their time begins at
   * once.
   */
  async runTogether(
    left: () => number,
    {
      given = [] as unknown as Arguments,
      hold = false,
      after,
      measured,
    }: { given?: Arguments; hold?: boolean; after?: Promise<unknown> | undefined; measured?: Promise<unknown> } = {},
  ): Promise<void> {
    const entered = this.#enter(this.#entries)
    if (after) await after
    await Promise.all(entered.map(([entry, result]) => this.#run(entry, result, given, left, hold, measured)))
  }

  /** Whether a hook was started and has not finished, timed out or not. */
  get running(): boolean {
    return this.#running.size > 0
  }

  /**
   * Waits for hooks that have not finished, each for its timeout once more.
   * @param left Returns the milliseconds that the wait may take.
   */
  async whenFinished(left: () => number): Promise<void> {
    const wait = (work: Promise<unknown>, timeout: number): Promise<unknown> =>
      within(this.#clock, Math.min(timeout, left()), work, false).catch(() => {})
    await Promise.all([...this.#running].map(([work, timeout]) => wait(work, timeout)))
  }

  /**
   * Runs the hooks one after the other, the newest first, because later resources may use earlier ones. If the time is not enough for
   * all timeouts, each hook gets its share, so that a hook that hangs leaves time for the others.
   * @param left Returns the milliseconds that all of them may take.
   */
  async runNewestFirst(left: () => number): Promise<readonly HookResult[]> {
    const entered = this.#enter(this.#inOrder())
    for (const [index, [entry, result]] of entered.entries()) {
      const later = entered.slice(index + 1).map(([other]) => other)
      const none = [] as unknown as Arguments
      await this.#run(entry, result, none, () => shareOf(left(), claimOf(later), later.length), true)
    }
    return this.#results
  }

  /** Creates the results. Each is `timed out` until its hook has finished. */
  #enter(entries: readonly Entry<Arguments>[]): [Entry<Arguments>, HookResult][] {
    const entered = entries.map((entry): [Entry<Arguments>, HookResult] => [
      entry,
      { name: entry.name, outcome: 'timed out', durationMs: 0 },
    ])
    this.#results = entered.map(([, result]) => result)
    return entered
  }

  /**
   * Returns the newest hook first, but each hook after those that its `after` names. A cycle, or a name that does not exist, is logged
   * and ignored.
   */
  #inOrder(): Entry<Arguments>[] {
    const waiting = this.#entries.toReversed()
    const ordered: Entry<Arguments>[] = []
    while (waiting.length > 0) {
      const held = (entry: Entry<Arguments>): boolean =>
        waiting.some((other) => other !== entry && entry.after.includes(other.name))
      const next = waiting.findIndex((entry) => !held(entry))
      if (next === -1) {
        const names = waiting.map(({ name }) => `"${name}"`).join(', ')
        this.#logger.error(`${this.#kind} hooks ${names} wait for one another by \`after\`: running the newest first`)
      }
      ordered.push(...waiting.splice(Math.max(0, next), 1))
    }
    for (const { name, after } of ordered) {
      const unknown = after.filter((wanted) => !ordered.some((other) => other.name === wanted))
      if (unknown.length > 0) {
        this.#logger.warn(
          `${this.#kind} hook "${name}" is to run \`after\` "${unknown.join('", "')}", but no hook has that name`,
        )
      }
    }
    return ordered
  }

  /** The results of the last run. Hooks that have not finished are `timed out`. */
  get results(): readonly HookResult[] {
    return this.#results
  }

  /** Never rejects, because a failure must not keep the other hooks from running. */
  async #run(
    entry: Entry<Arguments>,
    result: HookResult,
    given: Arguments,
    left: () => number,
    hold: boolean,
    measured?: Promise<unknown>,
  ): Promise<void> {
    const begun = this.#clock.now()
    result.startedAt = Date.now()
    let timeout = 0
    try {
      const work = (async () => entry.run(...given))()
      this.#running.set(work, entry.timeout)
      const end = (): void => void this.#running.delete(work)
      work.then(end, end)
      await Promise.race([work, measured])
      timeout = Math.min(entry.timeout, left())
      const outcome = await within(this.#clock, timeout, work, hold)
      if (outcome !== timedOut) result.outcome = 'ok'
      else
        this.#logger.alarm(`${this.#kind} hook "${entry.name}" did not end within ${Math.round(timeout)} ms; going on`)
    } catch (error) {
      result.outcome = 'failed'
      result.error = error
      this.#logger.alarm(`${this.#kind} hook "${entry.name}" failed: ${describe(error)}`)
    }
    result.durationMs = this.#clock.now() - begun
  }
}

function claimOf(entries: readonly { readonly timeout: number }[]): number {
  return entries.reduce((sum, { timeout }) => sum + timeout, 0)
}

/**
 * Returns the milliseconds that the next step may take: the time that later steps do not claim, but at least an equal share.
 * @param claim Milliseconds that the later steps claim together.
 * @param later Number of later steps.
 */
export function shareOf(left: number, claim: number, later: number): number {
  return Math.max(left - claim, left / (later + 1))
}
