import type { Drain } from '@podrain/core'
import { type Api, ApiError, type Query, Stopped } from './api.js'
import { Backoff, randomBetween } from './backoff.js'
import { eventOf, type WatchEvent } from './objects.js'

/** The `timeoutSeconds` of a watch. The API server uses the same range by default (`--min-request-timeout`). */
const watchSeconds = { least: 1800, most: 3600 } as const
/** The longest pause, in milliseconds, before a watch that has ended as planned is opened again. */
const reopenWithin = 5000
/**
 * The longest pause, in milliseconds, before a watch whose version the API server has forgotten begins again from the cache. After a
 * restart of the API server, most watches have to.
 */
const restartWithin = { serving: 30_000, draining: 500 } as const
/** Milliseconds after which an open watch counts as steady. It has then sent all objects that exist. */
const steadyAfter = 10_000
/** Milliseconds after the opening of a watch in which its events may be old, because it repeats what has happened before. */
const replayTime = 2000
/** The resourceVersion that stands for any version in the API server's cache. Such a watch begins with all existing objects. */
const fromCache = '0'

export interface WatchOptions {
  readonly api: Api
  readonly drain: Pick<Drain, 'clock' | 'state'>
  readonly path: string
  /** The selector of the objects: a `fieldSelector` or a `labelSelector`. */
  readonly selector: Query
  /** Called for each event. `now` is the server's time if the event may be old. undefined if the event has just happened. */
  readonly onEvent: (event: WatchEvent, now: number | undefined) => void
  /** Called when a watch is steady. `told` says whether any event has come. */
  readonly onSteady: (told: boolean) => void
  /** Called at every failure. The watch is opened again without further calls. */
  readonly onFailure: (error: Error) => void
}

/**
 * Follows objects by a watch. The watch begins with the objects in the API server's cache, so that no list is needed. A watch that has
 * ended is opened again at the last version. It begins from the cache again only if the API server has forgotten that version.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-watch
 */
export class Watch {
  readonly #options: WatchOptions
  readonly #backoff: Backoff
  #version = fromCache
  /** Whether the watch has begun from the cache again since it was last steady. */
  #hasRestarted = false
  #stopped = false

  constructor(options: WatchOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.drain.clock)
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#watch()
        await this.#backoff.wait(randomBetween(0, reopenWithin))
      } catch (error) {
        if (this.#stopped || error instanceof Stopped) return
        this.#options.onFailure(error as Error)
        await this.#backoff.wait(this.#after(error))
      }
    }
  }

  /** Called when a drain begins. A watch that is not open is opened soon. */
  drain(): void {
    this.#backoff.drain()
  }

  /** Called when the drain is undone. */
  serve(): void {
    this.#backoff.serve()
  }

  stop(): void {
    this.#stopped = true
    this.#backoff.stop()
  }

  /** Returns the milliseconds until the watch is opened again after a failure. */
  #after(error: unknown): number {
    if (!mustRestart(error)) return this.#backoff.after(error)
    this.#version = fromCache
    // If the API server forgets each version at once, the watch would begin again without end. So the backoff become longer.
    if (this.#hasRestarted) return this.#backoff.after(error)
    this.#hasRestarted = true
    const isDraining = this.#options.drain.state === 'draining'
    return randomBetween(0, isDraining ? restartWithin.draining : restartWithin.serving)
  }

  async #watch(): Promise<void> {
    const { api, drain, path, selector, onEvent, onSteady } = this.#options
    const { clock } = drain
    const timeoutSeconds = Math.round(randomBetween(watchSeconds.least, watchSeconds.most))
    let date: number | undefined
    let opened = Number.NaN
    let told = this.#version !== fromCache
    let cancel = (): void => {}
    const query = {
      ...selector,
      resourceVersion: this.#version,
      allowWatchBookmarks: true,
      timeoutSeconds,
    }
    try {
      await api.watch(path, query, (timeoutSeconds + 10) * 1000, {
        onOpen: (now) => {
          date = now
          opened = clock.now()
          cancel = clock.after(steadyAfter, () => {
            this.#backoff.succeeded()
            this.#hasRestarted = false
            onSteady(told)
          })
        },
        onLine: (line) => {
          if (this.#stopped) return
          const event = eventOf(line)
          if (event.type === 'ERROR') throw errorOf(event.object)
          told = true
          this.#version = event.object.metadata.resourceVersion ?? this.#version
          // The server's time is the `Date` of the response, and our monotonic clock since then. Another API server may have set
          // the time of the deletion, so the times are compared only for events that may be old.
          const open = clock.now() - opened
          onEvent(event, date !== undefined && open < replayTime ? date + open : undefined)
        },
      })
    } finally {
      cancel()
    }
    // An API server that shuts down ends all its watches at once, without an error.
    if (clock.now() - opened < timeoutSeconds * 900) throw new ApiError(0, 'the watch ended before its time')
  }
}

/** Whether the watch must begin from the cache, because the API server has forgotten the version, or has sent something else. */
function mustRestart(error: unknown): boolean {
  if (error instanceof ApiError) return error.status === 410
  return error instanceof SyntaxError || error instanceof TypeError
}

function errorOf(status: object): ApiError {
  const { code, message } = status as { code?: unknown; message?: unknown }
  return new ApiError(Number(code) || 0, `${code}: ${message}`)
}
