import { syncBuiltinESMExports } from 'node:module'
import type { Server } from 'node:net'
import type { DynamicModule, INestApplication } from '@nestjs/common'
import { type Application, killed, type Running, type Terms } from '@podrain/contract'
import type { FastifyInstance } from 'fastify'

/**
 * A shutdown library, and its description for the tables. The library is imported when it is used, so that a process loads only the
 * library under test.
 */
export interface Library {
  /** The beginning of the names of its rows. */
  readonly name: string
  /** The packages whose versions are on the page. */
  readonly packages: readonly string[]
  /** How the library is set up, so that a reader can judge whether the comparison is fair. */
  readonly wired: string
  /** The servers that the library is not tested on, and why. */
  readonly leftOut?: string
  /** The servers of Node that the library is tested on. */
  readonly servers?: readonly string[]
  /** Applies the library to such a server. */
  readonly drains?: Draining
  /** Applies the library to Fastify. */
  readonly drainsFastify?: DrainingFastify
  /** Applies the library to NestJS. */
  readonly drainsNest?: DrainingNest
}

/** Applies a library to a server. */
export type Draining = (server: Server, application: Pick<Application, 'terms'>) => Running | Promise<Running>

export type DrainingFastify = (app: FastifyInstance, terms: Terms) => Promise<unknown>

export type DrainingNest = (terms: Terms) => Promise<{
  /** The modules that the root module imports. */
  readonly imports: DynamicModule[]
  /** Called with the application before it listens. */
  readonly setUp: (app: INestApplication) => void
}>

export type Exit = (code: number) => void

/**
 * A server whose process would exit at its end. `process.exit()` is replaced, because the clients of the server are in the same process.
 * @param tell Delivers the signal. If it throws or rejects, the exit code is 1, as in Node.
 */
export function mortal(server: Server, { terms }: Pick<Application, 'terms'>, tell: (exit: Exit) => unknown): Running {
  let exit: Exit = () => {}
  const over = new Promise<number>((resolve) => {
    exit = resolve
  })
  // The first call of process.exit() counts.
  process.exit = ((code?: number) => exit(code ?? 0)) as never
  // Also replaces the named import `exit` of node:process.
  syncBuiltinESMExports()
  return {
    server,
    terminate: async () => {
      setTimeout(exit, terms.grace, killed)
      void (async () => tell(exit))().catch(() => exit(1))
      const code = await over
      server.close()
      return code
    },
  }
}

/** Emits SIGTERM. A process without a listener for SIGTERM exits with 143. */
export function sigterm(exit: Exit): void {
  if (!process.emit('SIGTERM', 'SIGTERM')) exit(143)
}

/** The time limit of a library that does not wait for load balancers: the grace period with the same reserve as ours. */
export function limit(terms: Terms): number {
  return terms.grace - 100
}

/** The time limit of a library that waits for load balancers first. */
export function limitAfterSettling(terms: Terms): number {
  return limit(terms) - terms.settle
}

/** Waits for as long as load balancers need to stop sending. */
export function settled(terms: Terms): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, terms.settle))
}

/** The servers of Node that a library is tested on. */
export const http1: readonly string[] = ['node:http', 'node:https']
export const all: readonly string[] = [...http1, 'node:http2 (allowHTTP1)']
