import type { Traffic } from './http/traffic.js'
import type { ResolvedOptions } from './options.js'
import { repeatedSignals } from './process/managers.js'
import type { Reporting } from './reporting.js'
import type { DrainReport } from './shared/report.js'
import type { Whereabouts } from './shared/states.js'
import type { Course } from './termination/course.js'
import { progressLine } from './termination/sentences.js'
import type { Tasks } from './termination/tasks.js'

export interface EndingParts {
  readonly course: Course
  readonly reporting: Reporting
  readonly tasks: Tasks
  readonly traffic: Traffic
  /** Where the drain stands, and what is still open. */
  readonly whereabouts: () => Whereabouts
  readonly onReport: (report: DrainReport) => void
}

/** The part of a drain in the end of its process: a signal or an error commits the drain, and the report decides the exit code. */
export class Ending {
  /** Resolves with the report when the `onReport` hooks have run. */
  readonly over: Promise<DrainReport>
  /** Removes the drain from the process, whose end then does not wait for the drain. */
  readonly unregister: () => void
  /** Whether the process exits when the drain is over. */
  #exits = false
  /** Whether the process may exit with 0: the report is clean, and no error came after it. */
  #isClean = true

  constructor(options: ResolvedOptions, { course, reporting, tasks, traffic, whereabouts, onReport }: EndingParts) {
    const { errors, gracePeriod, logger, platform, process, signals } = options
    this.unregister = process.register({
      signals,
      errors,
      repeats: repeatedSignals(platform),
      end: async (cause) => {
        this.#exits = true
        if ('error' in cause) void course.uncaught(cause.error)
        else void course.signalled(cause.signal, cause.ago)
        await this.over
        return this.#isClean
      },
      again: (cause) => {
        if ('error' in cause) {
          this.#isClean = false
          void course.uncaught(cause.error)
        } else logger.alarm(`second ${cause.signal}, exiting now: ${progressLine(whereabouts())}`)
      },
      cut: () => {
        if (course.state === 'closed') return !this.#isClean
        reporting.tell()
        logger.alarm(`something called process.exit() before the drain was over: ${progressLine(whereabouts())}`)
        return traffic.inFlight > 0 || tasks.size > 0
      },
      left: () => Math.max(course.budget?.left ?? 0, reporting.left),
      info: (message) => logger.info(message),
      warn: (message) => logger.warn(message),
    })
    this.over = course.report.then(async (report) => {
      this.#isClean &&= report.clean // before a hook may change the report, or exit
      // With `onReport` hooks the drain stays registered until they have run, so that a signal that arrives waits for them.
      if (!reporting.hasHooks) this.unregister()
      traffic.servers.release(this.#exits)
      reporting.tellReport(report)
      onReport(report)
      await reporting.runHooks(report, course.budget?.untilKilled ?? gracePeriod)
      this.unregister()
      return report
    })
  }
}
