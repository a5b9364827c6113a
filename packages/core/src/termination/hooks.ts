import { type Clock, timedOut, within } from '../shared/clock.js'
import { describe } from '../shared/errors.js'
import type { DrainLogger } from '../shared/log.js'
import type { HookResult } from '../shared/report.js'
import { fail } from '../shared/validate.js'

/** Work of the application at a turn of the drain. What it returns is awaited; what it throws is logged and reported. */
export type Hook = () => unknown

export interface HookOptions {
  /** The name in the log and the report. @default the function's own name, or `onClose 1` and so on */
  name?: string
  /** Milliseconds after which the hook counts as failed and the drain goes on without it. @default the drain's `hookTimeout` */
  timeout?: number
  /**
   * Names of `onClose` hooks that must have ended before this one runs. Without it the newest runs first, which is right
   * where what was opened later uses what was opened before.
   */
  after?: string | readonly string[]
}

interface Entry {
  readonly run: Hook
  readonly name: string
  readonly timeout: number
  readonly after: readonly string[]
}

/** The hooks of one kind, in the order they were added. */
export class Hooks {
  readonly #kind: string
  readonly #clock: Clock
  readonly #logger: DrainLogger
  readonly #timeout: number
  readonly #entries: Entry[] = []
  #results: HookResult[] = []
  /** What has been begun and not ended, in time or not, with how long it may take. */
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

  add(run: Hook, options: HookOptions): void {
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

  /** Milliseconds that they may take, one after the other. */
  get claim(): number {
    return claimOf(this.#entries)
  }

  /**
   * All at once: for hooks that announce something and do not build on one another. They do not keep the process alive: whoever
   * waits for them does.
   * @param left Milliseconds that they may take.
   * @param after They do not begin before this has settled; it never rejects.
   * @param measured Their time begins when this has settled; it never rejects. They may have ended by then.
   */
  async runTogether(
    left: () => number,
    { after, measured }: { after?: Promise<unknown> | undefined; measured?: Promise<unknown> } = {},
  ): Promise<readonly HookResult[]> {
    const entered = this.#enter(this.#entries)
    if (after) await after
    await Promise.all(entered.map(([entry, result]) => this.#run(entry, result, left, false, measured)))
    return entered.map(([, result]) => result)
  }

  /** Whether one has begun and not ended, though it may not be waited for any more. */
  get running(): boolean {
    return this.#running.size > 0
  }

  /**
   * Waits for hooks that were left behind: for each as long, once more, as it may take.
   * @param left Milliseconds that it may take at most.
   */
  async ended(left: () => number): Promise<void> {
    const wait = (work: Promise<unknown>, timeout: number): Promise<unknown> =>
      within(this.#clock, Math.min(timeout, left()), work, false).catch(() => {})
    await Promise.all([...this.#running].map(([work, timeout]) => wait(work, timeout)))
  }

  /**
   * One after the other, the newest first: what was opened last may need what was opened before it. Where the time is not
   * enough for all, one that hangs leaves their share to those after it.
   * @param left Milliseconds that all of them may take.
   */
  async runNewestFirst(left: () => number): Promise<readonly HookResult[]> {
    const entered = this.#enter(this.#inOrder())
    for (const [index, [entry, result]] of entered.entries()) {
      const later = entered.slice(index + 1).map(([other]) => other)
      await this.#run(entry, result, () => shareOf(left(), claimOf(later), later.length), true)
    }
    return this.#results
  }

  /** Until a hook has ended, it counts as one that did not. */
  #enter(entries: readonly Entry[]): [Entry, HookResult][] {
    const entered = entries.map((entry): [Entry, HookResult] => [
      entry,
      { name: entry.name, outcome: 'timed out', durationMs: 0 },
    ])
    this.#results = entered.map(([, result]) => result)
    return entered
  }

  /** The newest first, but each after those it names. A name that nobody has, and a circle, are said and passed over. */
  #inOrder(): Entry[] {
    const waiting = this.#entries.toReversed()
    const ordered: Entry[] = []
    while (waiting.length > 0) {
      const held = (entry: Entry): boolean =>
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
          `${this.#kind} hook "${name}" wants to run after "${unknown.join('", "')}", which there is none of`,
        )
      }
    }
    return ordered
  }

  /** How the hooks of the last run ended; those that have not are `timed out`. */
  get results(): readonly HookResult[] {
    return this.#results
  }

  /** Never rejects: one failure must not keep the others from running. */
  async #run(
    entry: Entry,
    result: HookResult,
    left: () => number,
    hold: boolean,
    measured?: Promise<unknown>,
  ): Promise<void> {
    const begun = this.#clock.now()
    let limit = 0
    try {
      const work = (async () => entry.run())()
      this.#running.set(work, entry.timeout)
      const end = (): void => void this.#running.delete(work)
      work.then(end, end)
      if (measured) await Promise.race([work, measured])
      limit = Math.min(entry.timeout, left())
      const answer = await within(this.#clock, limit, work, hold)
      if (answer !== timedOut) result.outcome = 'ok'
      else this.#logger.alarm(`${this.#kind} hook "${entry.name}" did not end within ${Math.round(limit)} ms; going on`)
    } catch (error) {
      result.outcome = 'failed'
      result.error = error
      const hint =
        codeOf(error) === 'ERR_SERVER_NOT_RUNNING' ? 'the drain has closed the server before; leave that out: ' : ''
      this.#logger.alarm(`${this.#kind} hook "${entry.name}" failed: ${hint}${describe(error)}`)
    }
    result.durationMs = this.#clock.now() - begun
  }
}

function claimOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { timeout }) => sum + timeout, 0)
}

/**
 * What the next step may take of the time that is left: what those after it do not claim, and where they claim too much, as
 * much as each of them.
 * @param claim Milliseconds that those after it claim together.
 * @param later How many they are.
 */
export function shareOf(left: number, claim: number, later: number): number {
  return Math.max(left - claim, left / (later + 1))
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
