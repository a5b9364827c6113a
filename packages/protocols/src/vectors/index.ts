import { Front, isLeaving, type Phase } from '../front.js'
import type { Protocol } from '../servers.js'
import type { SuiteRun } from '../suites/suite.js'
import * as http1 from './http1.js'
import * as http2 from './http2.js'
import type { Vector } from './vector.js'
import * as webSocket from './web-socket.js'

interface Runner {
  readonly vectors: readonly Vector[]
  /** Sends the vector on a new connection. @returns The outcome. */
  run(port: number, vector: Vector, phase: Phase): Promise<string>
}

export const runners: Record<Protocol, Runner> = { http1, http2, webSocket }

export interface Run {
  /** The outcome of each vector. */
  readonly outcomes: ReadonlyMap<Vector, string>
  readonly leftInFlight: number
}

/** The name of a vector among those of all protocols. */
export const nameOf = ({ section, sends }: Vector): string => `${section}: ${sends}`

/** Sends every vector of a protocol, each on its own connection. */
export async function runVectors(protocol: Protocol, phase: Phase): Promise<Run> {
  const { vectors, run } = runners[protocol]
  const front = await Front.open(protocol, phase)
  const outcomes = await Promise.all(
    vectors.map(async (vector) => [vector, await run(front.port, vector, phase)] as const),
  )
  await front.close()
  return { outcomes: new Map(outcomes), leftInFlight: front.leftInFlight }
}

/** Sends the vectors of all protocols. */
export async function allVectors(phase: Phase): Promise<SuiteRun> {
  const runs = await Promise.all((Object.keys(runners) as Protocol[]).map((protocol) => runVectors(protocol, phase)))
  const outcomes = runs.flatMap((run) =>
    [...run.outcomes].map(([vector, outcome]) => [nameOf(vector), outcome] as const),
  )
  return { outcomes: new Map(outcomes), leftInFlight: runs.reduce((sum, { leftInFlight }) => sum + leftInFlight, 0) }
}

const byName = new Map(
  Object.values(runners).flatMap(({ vectors }) => vectors.map((vector) => [nameOf(vector), vector])),
)

/** Whether the standard allows this outcome of a vector. In a phase that tells the client to leave, `leaving` replaces `allowed`. */
export function allowed(name: string, outcome: string, phase: Phase): boolean {
  const vector = byName.get(name)
  if (isLeaving(phase) && vector?.leaving !== undefined) return vector.leaving === outcome
  return vector?.allowed.includes(outcome) ?? false
}
