import { syncBuiltinESMExports } from 'node:module'
import type { Server } from 'node:net'
import type { DynamicModule, INestApplication } from '@nestjs/common'
import { type Application, killed, type Running, type Terms } from '@podrain/contract'
import type { FastifyInstance } from 'fastify'

/**
 * Another way to end a server, and what the table says of it. It is loaded where it is used, so that a process has only
 * what it is about.
 */
export interface Library {
  /** What its rows begin with. */
  readonly name: string
  /** The packages whose versions decide what it does. */
  readonly packages: readonly string[]
  /** How it is wired here, for whoever doubts that this is fair. */
  readonly wired: string
  /** Servers that it is not run on, and why. */
  readonly leftOut?: string
  /** The servers of Node that it is run on. */
  readonly servers?: readonly string[]
  /** What it does with them. */
  readonly drains?: Draining
  /** What it does with Fastify, for those that are run on it. */
  readonly drainsFastify?: DrainingFastify
  /** What it does with NestJS, for those that are run on it. */
  readonly drainsNest?: DrainingNest
}

/** What a library does with a server. */
export type Draining = (server: Server, application: Pick<Application, 'terms'>) => Running | Promise<Running>

export type DrainingFastify = (app: FastifyInstance, terms: Terms) => Promise<unknown>

export type DrainingNest = (terms: Terms) => Promise<{
  /** The modules that the root module imports. */
  readonly imports: DynamicModule[]
  /** What the application does before it listens. */
  readonly setUp: (app: INestApplication) => void
}>

export type Exit = (code: number) => void

/**
 * A server in a process of its own that is told to end, seen from within: its clients live there too, so nothing exits.
 * @param tell how the process is told. If this throws, or rejects, the process fails as Node's do.
 */
export function mortal(server: Server, { terms }: Pick<Application, 'terms'>, tell: (exit: Exit) => unknown): Running {
  let exit: Exit = () => {}
  const over = new Promise<number>((resolve) => {
    exit = resolve
  })
  // Whatever a library does after its exit, the first one counts.
  process.exit = ((code?: number) => exit(code ?? 0)) as never
  // Also for those that import it by its name.
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

/** As a kubelet: a process that does not listen, or not any more, ends at once. */
export function sigterm(exit: Exit): void {
  if (!process.emit('SIGTERM', 'SIGTERM')) exit(143)
}

/** The time limit of a library that begins to close at once: it fits into the grace period, as ours does. */
export function limit(terms: Terms): number {
  return terms.grace - 100
}

/** The time limit of a library that has waited for load balancers before. */
export function limitAfterSettling(terms: Terms): number {
  return limit(terms) - terms.settle
}

/** Load balancers have their time. */
export function settled(terms: Terms): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, terms.settle))
}

/** The servers of Node that a library is run on. */
export const http1: readonly string[] = ['node:http', 'node:https']
export const all: readonly string[] = [...http1, 'node:http2 (allowHTTP1)']
