import type { Server } from 'node:net'
import { isMainThread, type Worker as Thread } from 'node:worker_threads'
import type { AdapterOptions, Attachment, Drain } from '@podrain/core'

/** Core is loaded when it is first needed, because most processes under NODE_OPTIONS serve nothing. */
export function core(): typeof import('@podrain/core') {
  return require('@podrain/core')
}

/**
 * The drain for all servers and threads of this process that the application gives to no drain itself. It exists only
 * while there are such.
 */
export class OwnDrain {
  readonly #options: AdapterOptions
  readonly #users = new Set<Server | Thread>()
  #attachment: Attachment | undefined

  constructor(options: AdapterOptions) {
    this.#options = options
  }

  /**
   * Watches a server that is about to listen, unless the application has done so. It may do so later, too.
   * @returns The drain that watches it, if it is this one.
   */
  watch(server: Server): Drain | undefined {
    const { isControlServer, isWatched } = core()
    if (isControlServer(server) || isWatched(server)) return undefined
    this.#users.add(server)
    const { drain, watch } = this.#attached()
    watch(server, { yields: () => this.#leave(server) })
    return drain
  }

  /** Drains a thread that has servers, unless the application has done so. */
  drainThread(thread: Thread): void {
    const { drainThread, isDrained } = core()
    if (isDrained(thread)) return
    this.#users.add(thread)
    thread.once('exit', () => this.#leave(thread))
    drainThread(this.#attached().drain, thread)
  }

  #attached(): Attachment {
    if (this.#attachment) return this.#attachment
    const attachment = core().attach(isLed() ? withoutControlPort(this.#options) : this.#options, false)
    attachment.drain.on('state', (state) => {
      if (state === 'serving') this.#endIfUnused()
    })
    this.#attachment = attachment
    return attachment
  }

  #leave(user: Server | Thread): void {
    this.#users.delete(user)
    this.#endIfUnused()
  }

  /** A process that serves nothing gets its signals as if there were no preload. A drain that has begun goes on. */
  #endIfUnused(): void {
    if (this.#users.size > 0 || this.#attachment?.drain.state !== 'serving') return
    const { drain, release } = this.#attachment
    this.#attachment = undefined
    release()
    void drain.dispose()
  }
}

/** Whether a primary, or the main thread, drains this worker. */
function isLed(): boolean {
  return !isMainThread || core().hasPrimary()
}

/** A worker leaves the control port and socket to the one that drains it, and has no control endpoints instead. */
function withoutControlPort({ controlSocket: _, ...options }: AdapterOptions): AdapterOptions {
  if (options.controlPort === undefined) return options
  const { controlPort: __, ...rest } = options
  return { ...rest, endpoints: { readyz: false, livez: false, prestop: false, drainz: false, busyz: false } }
}
