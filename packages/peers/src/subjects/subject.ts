import type { Application, Held, Running, StageOptions, Subject, WhiteStage } from '@podrain/contract'
import type { Drain } from '@podrain/core'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'

/** The place of a middleware in its application. */
export type Mount =
  | 'first'
  | 'last'
  | 'in a router'
  | 'behind “trust proxy”'
  | 'behind a body parser'
  | 'behind compression'
  | 'behind helmet'
  | 'behind authentication'
  | 'behind a redirect'

/** The parts of a Fastify application besides its routes. */
export interface FastifyParts {
  readonly options?: FastifyServerOptions
  /** Registered before the drain. */
  readonly before?: (app: FastifyInstance) => unknown
  /** Registered after the drain, and before the routes. */
  readonly after?: (app: FastifyInstance) => unknown
  /** Whether the drain is registered in a scope of its own and not in the root. */
  readonly scoped?: boolean
}

/** The settings of the sentences about our adapters. */
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

/** @param make Makes the parts, anew for every run. */
export function withParts(make: (held: Held) => FastifyParts): StageOptions {
  return { setting: (held) => ({ fastify: make(held) }) satisfies Setting }
}

/** A server with our drain. */
export interface OurRunning extends Running {
  readonly drain?: Drain
  readonly fastify?: FastifyInstance
}

export type OurSubject = Subject<OurRunning>
export type OurStage = WhiteStage<OurRunning>
