import type { V1Pod } from '@kubernetes/client-node'
import type { Happening, RehearsalEvent } from '@podrain/rehearsal'

/** The state of one pod so far. */
interface Seen {
  ready: boolean
  deleted: boolean
  /** How often its container has started, and how often it has ended. */
  starts: number
  ends: number
}

/** How a container has ended. */
interface Terminated {
  readonly exitCode: number
  readonly reason?: string
  readonly message?: string
}

/**
 * Turns the changes of a watch into events of pods. `t` is in milliseconds since 1970 by the clock of this machine, because times of the
 * API are in whole seconds.
 */
export class PodWatch {
  readonly #seen = new Map<string, Seen>()
  readonly #now: () => number
  readonly events: RehearsalEvent[] = []
  /** The termination messages of containers. */
  readonly messages: string[] = []
  /** Whether the disruption has begun. A pod that starts after that is a new pod. */
  begun = false

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Reads one change of a watch, or one pod of a list. */
  readonly tell = (type: string, pod: V1Pod): void => {
    const { metadata, status } = pod
    const name = metadata?.name
    if (name === undefined || type === 'BOOKMARK' || type === 'ERROR') return
    const seen = this.#seen.get(name) ?? { ready: false, deleted: false, starts: 0, ends: 0 }
    this.#seen.set(name, seen)
    const [container] = status?.containerStatuses ?? []
    const { restartCount = 0, state, lastState } = container ?? {}
    // A container that was restarted has ended before, also if the watch did not show its end.
    if (restartCount > seen.ends) this.#end(name, seen, lastState?.terminated)
    if (state?.running !== undefined && seen.starts <= restartCount) {
      seen.starts = restartCount + 1
      this.#happen({ type: 'pod-start', pod: name, old: !this.begun, host: status?.podIP ?? '', port: 8080 })
    }
    const ready = status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true
    if (ready !== seen.ready) {
      seen.ready = ready
      this.#happen(
        ready ? { type: 'pod-ready', pod: name } : { type: 'pod-unready', pod: name, message: 'reported by the API' },
      )
    }
    if (metadata?.deletionTimestamp !== undefined && !seen.deleted) {
      seen.deleted = true
      this.#happen({ type: 'pod-deleted', pod: name })
    }
    if (state?.terminated !== undefined && seen.ends <= restartCount) this.#end(name, seen, state.terminated)
  }

  #end(pod: string, seen: Seen, terminated: Terminated | undefined): void {
    seen.ends++
    if (terminated?.message) this.messages.push(terminated.message)
    // In these cases the kubelet ends a container of a pod that was not deleted only because its liveness probe failed.
    if (!seen.deleted) this.#happen({ type: 'container-killed', pod, reason: 'liveness' })
    const { exitCode = null, reason } = terminated ?? {}
    const isKilled = exitCode === 137 && reason !== 'OOMKilled'
    if (isKilled) this.#happen({ type: 'sigkill', pod })
    this.#happen({ type: 'pod-exit', pod, code: isKilled ? null : exitCode, signal: isKilled ? 'SIGKILL' : null })
  }

  #happen(happening: Happening): void {
    this.events.push({ t: this.#now(), ...happening })
  }
}
