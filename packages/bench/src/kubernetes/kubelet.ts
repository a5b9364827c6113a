import type { Clock, Drain, ExitListener, ExitSource, Signal } from '@podrain/core'
import type { KubeConfigLike, Kubernetes } from '@podrain/kubernetes'
import type { Packages } from '../ours.js'
import { namespace } from './objects.js'

/** Starts and ends the processes of pods, as the kubelet of a node does. */
export interface Kubelet {
  /** Starts a pod's process. */
  start(pod: string): void
  /** Ends the process of a pod with the preStop hook and SIGTERM. Calls `gone` when the process has exited. */
  terminate(pod: string, gone: () => void): void
}

/** Which packages the pods run, and how. */
export interface Setup {
  readonly clock: Clock
  readonly core: Packages['core']
  /** If undefined, pods only drain. */
  readonly kubernetes: Packages['kubernetes'] | undefined
  readonly kubeConfig: KubeConfigLike
  /** Whether pods write annotations that say how busy they are. */
  readonly annotations: boolean
  /** The number of requests in flight, read each time anew. @default a pod has none */
  readonly inFlight?: () => number
}

/** Milliseconds from the end of a drain to the exit of the process. */
const exitTime = 5

/** Delivers signals to a drain without a process. */
class Exit implements ExitSource {
  readonly #listeners = new Set<ExitListener>()

  register(listener: ExitListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  send(signal: Signal): void {
    for (const listener of this.#listeners) void listener.end({ signal })
  }
}

interface Process {
  readonly drain: Drain
  readonly exit: Exit
  readonly follows: Kubernetes | undefined
}

const silent = { info() {}, warn() {}, error() {} }

/** Simulated pods that all run in this process, each with its own drain. */
export class Pods implements Kubelet {
  readonly #setup: Setup
  readonly #running = new Map<string, Process>()

  constructor(setup: Setup) {
    this.#setup = setup
  }

  start(pod: string): void {
    const { clock, core, kubernetes, kubeConfig, annotations, inFlight } = this.#setup
    const exit = new Exit()
    const drain = new core.Drain({ clock, process: exit, logger: silent, platform: 'kubernetes' })
    if (inFlight) Object.defineProperty(drain, 'inFlight', { get: inFlight })
    const follows = kubernetes?.kubernetes(drain, { pod, namespace, kubeConfig, annotations })
    this.#running.set(pod, { drain, exit, follows })
  }

  terminate(pod: string, gone: () => void): void {
    const process = this.#running.get(pod)
    if (!process) throw new Error(`there is no process of ${pod}`)
    const { drain, exit } = process
    drain.once('report', () => {
      this.#running.delete(pod)
      this.#setup.clock.after(exitTime, gone)
    })
    void drain.prestop().then(() => exit.send('SIGTERM'))
  }

  stop(): void {
    for (const { drain, follows } of this.#running.values()) {
      follows?.stop()
      void drain.dispose()
    }
    this.#running.clear()
  }
}
