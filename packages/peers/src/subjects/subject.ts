import type { Application, Held, Running, StageOptions, Subject, WhiteStage } from '@podrain/contract'
import type { Drain } from '@podrain/core'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'

/** Where a middleware is mounted in its application, or behind what. */
export type Mount =
  | 'first'
  | 'last'
  | 'in a router'
  | 'behind “trust proxy”'
  | 'behind a body parser'
  | 'behind compression'
  | 'behind helmet'
  | 'behind an authentication'
  | 'behind a redirect'

/** What a Fastify application has beside its routes. */
export interface FastifyParts {
  readonly options?: FastifyServerOptions
  /** Registered before the drain. */
  readonly before?: (app: FastifyInstance) => unknown
  /** Registered after the drain, and before the routes. */
  readonly after?: (app: FastifyInstance) => unknown
  /** Registers the drain in a scope of its own in place of the root. */
  readonly scoped?: boolean
}

/** What the sentences about our adapters want of a server. */
interface Setting {
  readonly mount?: Mount
  readonly fastify?: FastifyParts
}

export function settingOf({ setting }: Application): Setting {
  return setting
}

export function mounted(mount: Mount): StageOptions {
  return { setting: () => ({ mount }) satisfies Setting }
}

/** @param make the parts, of an application of its own for every run */
export function withParts(make: (held: Held) => FastifyParts): StageOptions {
  return { setting: (held) => ({ fastify: make(held) }) satisfies Setting }
}

/** A server with a drain of ours. */
export interface OurRunning extends Running {
  readonly drain?: Drain
  readonly fastify?: FastifyInstance
}

export type OurSubject = Subject<OurRunning>
export type OurStage = WhiteStage<OurRunning>
