import type { V1Pod } from '@kubernetes/client-node'
import type { Happening, RehearsalEvent } from '@podrain/rehearsal'

/** What was seen of one pod so far. */
interface Seen {
  ready: boolean
  deleted: boolean
  /** How often its container was started, and how often one of them has ended. */
  starts: number
  ends: number
}

/** What is read of how a container has ended. */
interface Terminated {
  readonly exitCode: number
  readonly reason?: string
  readonly message?: string
}

/**
 * Tells what the API says of pods as what happened to them, `t` in milliseconds since 1970 by the clock of this machine: the API itself
 * knows whole seconds.
 */
export class PodWatch {
  readonly #seen = new Map<string, Seen>()
  readonly #now: () => number
  readonly events: RehearsalEvent[] = []
  /** What containers have left in their `terminationMessagePath`. */
  readonly messages: string[] = []
  /** Whether pods that are new from now on are those that replace others. */
  begun = false

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Takes one line of a watch, or a pod of a list. */
  readonly tell = (type: string, pod: V1Pod): void => {
    const { metadata, status } = pod
    const name = metadata?.name
    if (name === undefined || type === 'BOOKMARK' || type === 'ERROR') return
    const seen = this.#seen.get(name) ?? { ready: false, deleted: false, starts: 0, ends: 0 }
    this.#seen.set(name, seen)
    const [container] = status?.containerStatuses ?? []
    const { restartCount = 0, state, lastState } = container ?? {}
    // One that has been started again has ended before, whether that was seen or not.
    if (restartCount > seen.ends) this.#end(name, seen, lastState?.terminated)
    if (state?.running !== undefined && seen.starts <= restartCount) {
      seen.starts = restartCount + 1
      this.#happen({ type: 'pod-start', pod: name, old: !this.begun, host: status?.podIP ?? '', port: 8080 })
    }
    const ready = status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true
    if (ready !== seen.ready) {
      seen.ready = ready
      this.#happen(
        ready ? { type: 'pod-ready', pod: name } : { type: 'pod-unready', pod: name, message: 'says the API' },
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
    // Only a liveness probe that fails makes the kubelet do so in these cases.
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
