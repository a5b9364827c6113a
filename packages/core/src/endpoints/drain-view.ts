import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '../shared/log.js'
import type { DrainReport } from '../shared/report.js'
import type { DrainState, DrainStatus, DrainTimes, Refusal } from '../shared/states.js'

/** What the control endpoints read of a drain, and ask of it. A `Drain` is one. */
export interface DrainView {
  readonly state: DrainState
  /** Whether a server accepts connections. */
  readonly listening: boolean
  readonly inFlight: number
  readonly times: DrainTimes
  readonly logger: Logger
  status(): DrainStatus
  /** The request is a control request, and so no traffic. */
  exclude(request: IncomingMessage, response: ServerResponse): void
  /** A caller was refused. */
  refused(refusal: Refusal): void
  once(event: 'report', listener: (report: DrainReport) => void): unknown
  off(event: 'report', listener: (report: DrainReport) => void): unknown
}

/** Drains tentatively, and resolves when it has settled or `gone` aborts. */
export type Prestop = (gone: AbortSignal) => Promise<void>
