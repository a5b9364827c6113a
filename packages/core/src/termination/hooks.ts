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

  /** All at once: for hooks that announce something and do not build on one another. */
  async runTogether(left: () => number): Promise<readonly HookResult[]> {
    this.#results = []
    await Promise.all(this.#entries.map((entry) => this.#run(entry, left)))
    return this.#results
  }

  /** One after the other, the newest first: what was opened last may need what was opened before it. */
  async runNewestFirst(left: () => number): Promise<readonly HookResult[]> {
    this.#results = []
    for (const entry of this.#inOrder()) await this.#run(entry, left)
    return this.#results
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
  async #run(entry: Entry, left: () => number): Promise<void> {
    const begun = this.#clock.now()
    const limit = Math.min(entry.timeout, left())
    const result: HookResult = { name: entry.name, outcome: 'timed out', durationMs: 0 }
    this.#results.push(result)
    try {
      const answer = await within(this.#clock, limit, (async () => entry.run())())
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

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
