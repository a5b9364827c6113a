import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '../shared/log.js'
import type { DrainReport } from '../shared/report.js'
import type { DrainState, DrainStatus, DrainTimes, Refusal } from '../shared/states.js'

/** The part of a `Drain` that the control endpoints use. */
export interface DrainView {
  readonly state: DrainState
  /** Whether a server accepts connections. */
  readonly listening: boolean
  /** Whether the drain ever watched a server. */
  readonly knowsServer: boolean
  readonly inFlight: number
  readonly times: DrainTimes
  readonly logger: Logger
  status(): DrainStatus
  /** Stops counting a control request, because it is not traffic. */
  exclude(request: IncomingMessage, response: ServerResponse): void
  /** Reports that a caller was refused. */
  refused(refusal: Refusal): void
  once(event: 'report', listener: (report: DrainReport) => void): unknown
  off(event: 'report', listener: (report: DrainReport) => void): unknown
}

/** Drains tentatively. Resolves when the settle wait is over, or when `gone` aborts. */
export type Prestop = (gone: AbortSignal) => Promise<void>
