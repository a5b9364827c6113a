import type { Kind } from './objects.js'

/** Which state of the package: the one that is compared with, or this one. */
export type Version = 'before' | 'after'

/** What the API has answered, and sent, in some time: by verb, kind and status, as `list endpointslices 200`. */
export interface Counted {
  /** Seconds of the pods' time. */
  readonly seconds: number
  readonly requests: Readonly<Record<string, number>>
  /** On the wire, headers included; without TLS and TCP. */
  readonly bytes: Readonly<Record<string, number>>
  /** Watches that were open, by kind: over the time, and at most. */
  readonly watches: Readonly<Record<Kind, { readonly mean: number; readonly most: number }>>
}

export const scenarios = ['serving', 'reporting', 'rolling over', 'forbidden'] as const
/** What the API does when every watch has broken: it refuses connections, takes them and hangs, or answers with a status. */
export const absences = ['refused for 6 s', 'refused', 'hanging', '503', '429', '429 with Retry-After'] as const
export type Absence = (typeof absences)[number]
export type Scenario = (typeof scenarios)[number] | Absence

/** What a simulation is told. */
export interface Order {
  readonly scenario: Scenario
  /** Pods in the namespace, and the Services that they are spread over. */
  readonly pods: number
  readonly services: number
  /** How many of the pods run the package. Of the others there are the objects. */
  readonly sample: number
}

/** A part of a simulation. What is counted is of the sample. */
export interface Phase extends Counted {
  readonly name: string
}

/** One simulation. */
export interface Run extends Order {
  readonly version: Version
  readonly phases: readonly Phase[]
  /** Seconds after an absence until so many percent of the pods watched themselves again. */
  readonly again?: Readonly<Record<'50' | '99' | '100', number | null>> | undefined
  /** Seconds of the simulation itself. */
  readonly took: number
}

/** Milliseconds of the processor that the package takes in a pod, beyond what a drain does by itself. */
export interface Processor {
  readonly version: Version
  readonly pods: number
  readonly sample: number
  /** The first five minutes, the hour after them, and a rollout in which the pod is replaced. */
  readonly start: number
  readonly hour: number
  readonly rollout: number
}

/** What the bench keeps, and its page is made of. */
export interface KubernetesData {
  readonly seed: number
  readonly runs: readonly Run[]
  readonly processor: readonly Processor[]
}
