import type { Rehearsal } from './rehearse.js'

/** What a pod was doing from one moment to another, in ms. */
export interface Span {
  readonly pod: string
  readonly state: SpanState
  readonly from: number
  readonly to: number
}

/** States of a pod as a person looking at a timeline tells them apart, in the order they happen. */
export type SpanState = 'not ready' | 'ready' | 'preStop hook' | 'after SIGTERM'

/** Losses of one pod and cause that happened at about the same time. */
export interface LossMark {
  readonly pod: string
  readonly t: number
  readonly count: number
  readonly title: string
}

/** The row of losses that met no pod at all. */
export const nowhere = 'no endpoint'

/** The pods' rows, old ones first. */
export function rowsOf({ events }: Rehearsal): string[] {
  const pods = events.flatMap((event) => (event.type === 'pod-start' ? [event] : []))
  const rows = [...pods.filter(({ old }) => old), ...pods.filter(({ old }) => !old)].map(({ pod }) => pod)
  const lostNowhere = events.some((event) => event.type === 'lost' && event.pod === null)
  return lostNowhere ? [...rows, nowhere] : rows
}

/** Turns the events into spans, the last of each pod ending with the pod or with the rehearsal. */
export function spansOf({ events, summary }: Rehearsal): Span[] {
  const spans: Span[] = []
  const open = new Map<string, { state: SpanState; from: number }>()
  const enter = (pod: string, t: number, state: SpanState | null) => {
    const current = open.get(pod)
    if (current !== undefined && t > current.from) spans.push({ pod, state: current.state, from: current.from, to: t })
    if (state === null) open.delete(pod)
    else open.set(pod, { state, from: t })
  }
  const deleted = new Set<string>()
  for (const event of events) {
    if (event.type === 'pod-deleted') deleted.add(event.pod)
    if (event.type === 'pod-start') enter(event.pod, event.t, 'not ready')
    // What the probes say of a pod that is being deleted changes nothing any more.
    else if (event.type === 'pod-ready' && !deleted.has(event.pod)) enter(event.pod, event.t, 'ready')
    else if (event.type === 'pod-unready' && !deleted.has(event.pod)) enter(event.pod, event.t, 'not ready')
    else if (event.type === 'hook-start') enter(event.pod, event.t, 'preStop hook')
    else if (event.type === 'sigterm') enter(event.pod, event.t, 'after SIGTERM')
    else if (event.type === 'pod-exit') enter(event.pod, event.t, null)
  }
  for (const pod of [...open.keys()]) enter(pod, summary.durationMs, null)
  return spans
}

/** Joins losses that a drawing could not tell apart anyway, so that a page stays small however many there are. */
export function lossMarksOf({ events, summary }: Rehearsal): LossMark[] {
  const width = Math.max(1, summary.durationMs / 400)
  const marks = new Map<string, { pod: string; t: number; count: number; title: string }>()
  for (const event of events) {
    if (event.type !== 'lost') continue
    const pod = event.pod ?? nowhere
    const key = `${pod} ${event.cause} ${Math.floor(event.t / width)}`
    const mark = marks.get(key)
    if (mark !== undefined) mark.count++
    else {
      const title = `${event.cause}: ${event.method} ${event.path} (${event.client}) at ${seconds(event.t)}: ${event.message}`
      marks.set(key, { pod, t: event.t, count: 1, title })
    }
  }
  return [...marks.values()].map(({ pod, t, count, title }) => ({
    pod,
    t,
    count,
    title: count === 1 ? title : `${count} lost here; the first: ${title}`,
  }))
}

/** A duration in ms as a person reads it. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
}
