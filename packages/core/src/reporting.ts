import type { ResolvedOptions } from './options.js'
import { type Outcome, outcomeOf, type Underway, underway } from './outcome/outcome.js'
import { messageOf } from './shared/errors.js'
import type { DrainReport } from './shared/report.js'
import { exitTime, primaryCutShare } from './shared/timing.js'
import { type HookOptions, Hooks, type ReportHook } from './termination/hooks.js'
import { environmentOfProcess } from './workers/environment.js'

/** Passes the outcome of a drain out of the process: in the termination message, and to the `onReport` hooks. */
export class Reporting {
  readonly #drain: object
  readonly #options: ResolvedOptions
  readonly #known: () => Underway
  readonly #hooks: Hooks<[DrainReport]>
  /** When the time for the hooks is over. */
  #end = 0
  #hasFailed = false

  /** @param known What is known of the drain. */
  constructor(drain: object, options: ResolvedOptions, known: () => Underway) {
    this.#drain = drain
    this.#known = known
    this.#options = options
    const { clock, logger, hookTimeout } = options
    // A failure of these hooks does not change the exit code, so it is logged as an error, not as an alarm.
    this.#hooks = new Hooks('onReport', clock, { ...logger, alarm: logger.error }, hookTimeout)
  }

  add(hook: ReportHook, options: HookOptions): void {
    this.#hooks.add(hook, options)
  }

  /** Whether there are hooks to run. */
  get hasHooks(): boolean {
    return this.#hooks.size > 0
  }

  /** Milliseconds that the hooks still have. */
  get left(): number {
    return Math.max(0, this.#end - this.#options.clock.now())
  }

  /**
   * Runs the hooks.
   * @param untilKilled Milliseconds until SIGKILL.
   */
  async runHooks(report: DrainReport, untilKilled: number): Promise<void> {
    if (!this.hasHooks) return
    const { clock, reserve } = this.#options
    // A primary kills its workers before the kubelet kills the pod.
    const primaryTime = environmentOfProcess().name === undefined ? 0 : reserve * primaryCutShare
    this.#end = clock.now() + Math.max(0, untilKilled - primaryTime - exitTime) / 2
    await this.#hooks.runTogether(() => this.left, { given: [report], hold: true })
    this.#end = 0
  }

  /** Writes the state of a drain that goes on, in case the process is killed. Removes the message if the process serves again. */
  tell(): void {
    this.#write(() => {
      const known = this.#known()
      return known.state === 'serving' ? undefined : underway(known)
    })
  }

  /** Writes the outcome of a drain that is over. */
  tellReport(report: DrainReport): void {
    this.#write(() => outcomeOf(report))
  }

  #write(outcome: () => Outcome | undefined): void {
    const { terminationMessagePath: path, logger } = this.#options
    if (path === false) return
    try {
      environmentOfProcess().tell(this.#drain, outcome(), path)
    } catch (error) {
      if (!this.#hasFailed) logger.warn(`the termination message could not be written: ${messageOf(error)}`)
      this.#hasFailed = true
    }
  }
}
