import type { Server } from 'node:net'
import type { Worker as Thread } from 'node:worker_threads'
import type { AdapterOptions, Attachment, Drain } from '@podrain/core'

/** Loads core at the first use, because most processes under NODE_OPTIONS serve nothing. */
export function core(): typeof import('@podrain/core') {
  return require('@podrain/core')
}

/**
 * The preload's drain, for all servers and threads of this process that the application does not pass to a drain itself. The drain
 * exists only while there are such servers or threads.
 */
export class OwnDrain {
  readonly #options: AdapterOptions
  readonly #users = new Set<Server | Thread>()
  #attachment: Attachment | undefined

  /** @param options Options that take precedence over environment variables. */
  constructor(options: AdapterOptions = {}) {
    this.#options = options
  }

  /**
   * Watches a server that is about to listen, unless a drain of the application watches it. If the application watches the server later,
   * its drain takes over.
   * @returns The preload's drain. undefined if it does not watch the server.
   */
  watch(server: Server): Drain | undefined {
    const { isControlServer, isWatched } = core()
    if (isControlServer(server) || isWatched(server)) return undefined
    this.#users.add(server)
    const { drain, watch } = this.#attached()
    watch(server, { onRelease: () => this.#leave(server) })
    return drain
  }

  /** Drains a thread that has servers, unless the application has passed it to `drainThread()`. */
  drainThread(thread: Thread): void {
    const { drainThread, isDrained } = core()
    if (isDrained(thread)) return
    this.#users.add(thread)
    thread.once('exit', () => this.#leave(thread))
    drainThread(this.#attached().drain, thread)
  }

  #attached(): Attachment {
    if (this.#attachment) return this.#attachment
    const attachment = core().attach(this.#options, 'stand-in')
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

  /**
   * Ends the preload's drain if nothing uses it, so that signals have the same effect as without a preload. A drain that has begun goes
   * on.
   */
  #endIfUnused(): void {
    if (this.#users.size > 0 || this.#attachment?.drain.state !== 'serving') return
    const { drain, release } = this.#attachment
    this.#attachment = undefined
    release()
    void drain.dispose()
  }
}
