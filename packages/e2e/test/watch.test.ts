import type { V1Pod } from '@kubernetes/client-node'
import { describe, expect, test } from 'vitest'
import { PodWatch } from '../dist/watch.js'

interface Seen {
  readonly ready?: boolean
  readonly deleted?: boolean
  readonly restarts?: number
  /** How the container has ended, and how the container before a restart has ended. */
  readonly ended?: { readonly exitCode: number; readonly reason?: string }
  readonly before?: { readonly exitCode: number; readonly reason?: string }
}

function pod({ ready = false, deleted = false, restarts = 0, ended, before }: Seen): V1Pod {
  return {
    metadata: { name: 'app-1', ...(deleted && { deletionTimestamp: new Date() }) },
    status: {
      podIP: '10.0.0.1',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      containerStatuses: [
        {
          name: 'app',
          image: '',
          imageID: '',
          ready,
          restartCount: restarts,
          state: ended === undefined ? { running: {} } : { terminated: ended },
          ...(before && { lastState: { terminated: before } }),
        },
      ],
    },
  }
}

/** The events of a pod that has these states, one after the other. */
function eventsOf(...seen: Seen[]): string[] {
  let t = 0
  const watch = new PodWatch(() => t++)
  for (const each of seen) watch.tell('MODIFIED', pod(each))
  return watch.events.map((event) => {
    if (event.type === 'pod-exit') return `pod-exit ${event.signal ?? event.code}`
    return event.type === 'container-killed' ? `container-killed ${event.reason}` : event.type
  })
}

describe('a watch reports', () => {
  test('a deleted pod once, however often the API sends the same state', () => {
    const gone = { deleted: true, ended: { exitCode: 0 } }
    expect(
      eventsOf({}, { ready: true }, { ready: true }, { ready: true, deleted: true }, { deleted: true }, gone, gone),
    ).toEqual(['pod-start', 'pod-ready', 'pod-deleted', 'pod-unready', 'pod-exit 0'])
  })

  test('a container that ended because of its liveness probe, also if the watch did not show its end', () => {
    const events = ['pod-start', 'pod-ready', 'container-killed liveness', 'pod-exit 0', 'pod-start']
    const again = { ready: true, restarts: 1, before: { exitCode: 0 } }
    expect(eventsOf({ ready: true }, again)).toEqual(events)
    expect(eventsOf({ ready: true }, { ready: true, ended: { exitCode: 0 } }, again)).toEqual(events)
  })

  test('SIGKILL for the exit code 137, unless the container ran out of memory', () => {
    const end = (ended: Seen['ended']) =>
      eventsOf({ deleted: true }, { deleted: true, ...(ended && { ended }) }).slice(2)
    expect(end({ exitCode: 137 })).toEqual(['sigkill', 'pod-exit SIGKILL'])
    expect(end({ exitCode: 137, reason: 'OOMKilled' })).toEqual(['pod-exit 137'])
    expect(end({ exitCode: 143 })).toEqual(['pod-exit 143'])
  })
})
