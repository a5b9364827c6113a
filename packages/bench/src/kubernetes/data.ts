import type { Kind } from './objects.js'

/** Which version of the package: `before` is that of the other checkout, `after` that of this checkout. */
export type Version = 'before' | 'after'

/** Requests and bytes of the API in some time, by verb, kind and status, such as `list endpointslices 200`. */
export interface Counted {
  /** Seconds of virtual time. */
  readonly seconds: number
  readonly requests: Readonly<Record<string, number>>
  /** Bytes of HTTP with headers, without TLS and TCP. */
  readonly bytes: Readonly<Record<string, number>>
  /** Open watches by kind: the mean over the time, and the most at one time. */
  readonly watches: Readonly<Record<Kind, { readonly mean: number; readonly most: number }>>
}

export const scenarios = ['serving', 'writing annotations', 'rolling over', 'forbidden'] as const
/**
 * How the API is away after every watch has broken: it refuses connections, accepts requests and never responds, or responds with a
 * status.
 */
export const absences = ['refused for 6 s', 'refused', 'hanging', '503', '429', '429 with Retry-After'] as const
export type Absence = (typeof absences)[number]
export type Scenario = (typeof scenarios)[number] | Absence

/** The parameters of a simulation. */
export interface Order {
  readonly scenario: Scenario
  /** Pods in the namespace, and the Services that the pods are spread over. */
  readonly pods: number
  readonly services: number
  /** How many of the pods run the package. The others exist only as objects of the API. */
  readonly sample: number
}

/** A part of a simulation. The counts are those of the sample. */
export interface Phase extends Counted {
  readonly name: string
}

/** One simulation. */
export interface Run extends Order {
  readonly version: Version
  readonly phases: readonly Phase[]
  /** Seconds after an absence until 50, 99 and 100 % of the pods had their watch again; null if not within an hour. */
  readonly again?: Readonly<Record<'50' | '99' | '100', number | null>> | undefined
  /** Seconds that the simulation took. */
  readonly took: number
}

/** Processor time of the package in one pod, in milliseconds, without that of the drain. */
export interface Processor {
  readonly version: Version
  readonly pods: number
  readonly sample: number
  /** The first five minutes, the hour after them, and a rollout that replaces the pod. */
  readonly start: number
  readonly hour: number
  readonly rollout: number
}

/** The stored result of the bench. Its page is written from it. */
export interface KubernetesData {
  readonly seed: number
  readonly runs: readonly Run[]
  readonly processor: readonly Processor[]
}
