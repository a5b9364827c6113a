import { type Drain, type DrainReport, type Outcome, outcomeOf, outcomeText } from '@podrain/core'
import { Api, ApiError } from './api/api.js'
import type { KubeConfigLike } from './api/config.js'
import type { OwnPod } from './pod/own-pod.js'

/** The limit for a note, in bytes (kubernetes/kubernetes, pkg/apis/core/validation/events.go: `NoteLengthLimit`). */
const longestNote = 1024
/** The limit for `reportingInstance`, in characters (same file: `ReportingInstanceLengthLimit`). */
const longestInstance = 128
/** The limit for the annotation, in bytes. A large rollout creates one Event per pod, so an Event must be small for etcd. */
const longestAnnotation = 2048

const reasons: Readonly<Record<Outcome['outcome'], string>> = {
  drained: 'Drained',
  cut: 'DrainCut',
  'closed early': 'DrainClosedEarly',
  failed: 'DrainFailed',
  crashed: 'DrainFailed',
  draining: 'DrainFailed',
}

export interface OutcomeEventOptions {
  readonly drain: Drain
  readonly config: KubeConfigLike
  readonly pod: Pick<OwnPod, 'uid' | 'labels'>
  /** The pod's name. */
  readonly name: string
  readonly namespace: string
  readonly events: 'unclean' | 'all'
}

/**
 * Creates an Event about the pod with the outcome of the drain, before the process exits. The Event uses a connection of its own,
 * because the other connections have ended by then. A failure is logged.
 * @returns The function that cancels the Event, unless the drain is over.
 */
export function tellOutcome({ drain, config, pod, name, namespace, events }: OutcomeEventOptions): () => void {
  let wanted = true
  const post = async (report: DrainReport): Promise<void> => {
    if (!wanted || (report.clean && events === 'unclean')) return
    try {
      const event = eventOf(outcomeOf(report), { name, namespace, uid: pod.uid, labels: pod.labels })
      await new Api(config, drain.clock).post(`/apis/events.k8s.io/v1/namespaces/${namespace}/events`, event)
    } catch (error) {
      const isForbidden = error instanceof ApiError && error.status === 403
      const why = isForbidden
        ? `not allowed to create events in namespace ${namespace}: apply rbac-events.yaml`
        : (error as Error).message
      drain.logger.warn(`kubernetes: the Event with the outcome was not created: ${why}`)
    }
  }
  drain.onReport(post, { name: 'kubernetes event' })
  return () => {
    // At the end of a drain this function is called just before the hook runs. The Event must be created then.
    if (drain.state !== 'closed') wanted = false
  }
}

interface Regarding {
  readonly name: string
  readonly namespace: string
  readonly uid: string | undefined
  readonly labels: Readonly<Record<string, string>>
}

/** The Event. It gets the labels of the pod, so that it can be found by them after the pod has gone. */
function eventOf(outcome: Outcome, { name, namespace, uid, labels }: Regarding): object {
  const now = new Date()
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: {
      name: `${name.slice(0, 230)}.${now.getTime().toString(16)}`,
      namespace,
      labels,
      annotations: { 'podrain/outcome': outcomeText(outcome, longestAnnotation) },
    },
    eventTime: now.toISOString().replace('Z', '000Z'), // a MicroTime has six digits
    type: outcome.outcome === 'drained' ? 'Normal' : 'Warning',
    reason: reasons[outcome.outcome],
    action: 'Drain',
    note: cutTo(longestNote, sentenceOf(outcome)),
    regarding: { apiVersion: 'v1', kind: 'Pod', name, namespace, ...(uid === undefined ? {} : { uid }) },
    reportingController: 'podrain',
    reportingInstance: name.slice(0, longestInstance),
  }
}

/** The outcome as a sentence. */
function sentenceOf(outcome: Outcome): string {
  const { reason, durationMs, cutCount = 0, cut = [], closedEarly, unfinishedTasks, failedHooks, error } = outcome
  const parts = [`Drained in ${(durationMs / 1000).toFixed(1)} s after ${reason}`]
  if (error !== undefined) parts.push(`error: ${error}`)
  if (closedEarly) parts.push(`closed too early at ${closedEarly.join(', ')}`)
  if (cutCount > 0)
    parts.push(`cut ${cutCount} in flight: ${cut.join(', ')}${cutCount > cut.length ? ' and others' : ''}`)
  if (unfinishedTasks) parts.push(`left unfinished: ${unfinishedTasks.join(', ')}`)
  if (failedHooks) parts.push(`hooks: ${failedHooks.join(', ')}`)
  if (outcome.unknownConnections) {
    const connections = outcome.unknownConnections === 1 ? 'connection' : 'connections'
    parts.push(`cut ${outcome.unknownConnections} ${connections} whose requests podrain did not count`)
  }
  if (outcome.undeliveredBytes) parts.push(`${outcome.undeliveredBytes} bytes not taken by their clients`)
  if (parts.length === 1) parts.push('nothing was lost')
  return parts.join('; ')
}

function cutTo(bytes: number, text: string): string {
  const whole = Buffer.from(text)
  if (whole.length <= bytes) return text
  // The cut may have split a character of several bytes.
  return `${whole.toString('utf8', 0, bytes - 3).replace(/\uFFFD+$/, '')}…`
}
