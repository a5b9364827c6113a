import type { Server } from 'node:net'
import type { Worker as Thread } from 'node:worker_threads'
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

  /** @param options Those that outweigh the environment. */
  constructor(options: AdapterOptions = {}) {
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
    const attachment = core().attach(this.#options, false)
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
