import type { Drain } from '@podrain/core'
import { type Api, ApiError, type Query, Stopped } from './api.js'
import { eventOf, type WatchEvent } from './objects.js'
import { between, Pauses } from './pauses.js'

/** Seconds after which the API server ends a watch by itself, as clients ask it to: its own choice is the same. */
const watchSeconds = { least: 1800, most: 3600 } as const
/** Milliseconds within which a watch that has ended as planned is opened again. */
const goesOnWithin = 5000
/**
 * Milliseconds within which one whose version the API has forgotten begins anew. After a restart of the API server that happens to
 * most, one after the other.
 */
const beginsAnewWithin = { serving: 30_000, draining: 500 } as const
/** A watch that has been open for so many milliseconds is a good one. What there is has been told by then. */
const steady = 10_000
/** Milliseconds in which a watch that is opened tells what has happened while there was none. */
const catchesUp = 2000
/** Any version that the API server has in its cache: it tells what there is, and goes on from there. */
const fromCache = '0'

export interface WatchOptions {
  readonly api: Api
  readonly drain: Pick<Drain, 'clock' | 'state'>
  readonly path: string
  /** Which objects: a `fieldSelector`, a `labelSelector`. */
  readonly selector: Query
  /** `now` is the server's time, and undefined where that does not matter: what comes has just happened. */
  readonly onEvent: (event: WatchEvent, now: number | undefined) => void
  /** A watch has been open for a while. `told` says whether it has told of anything. */
  readonly onSteady: (told: boolean) => void
  /** Called at every failure; it goes on by itself. */
  readonly onFailure: (error: Error) => void
}

/**
 * Follows objects by one watch that begins in the API server's cache, so that nothing is listed. It goes on from where it was,
 * and begins in the cache again only if the API has forgotten that version.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-watch
 */
export class Watch {
  readonly #on: WatchOptions
  readonly #pauses: Pauses
  #version = fromCache
  /** Whether it has begun anew since it was a good one. */
  #begunAnew = false
  #stopped = false

  constructor(options: WatchOptions) {
    this.#on = options
    this.#pauses = new Pauses(options.drain.clock)
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#watch()
        await this.#pauses.wait(between(0, goesOnWithin))
      } catch (error) {
        if (this.#stopped || error instanceof Stopped) return
        this.#on.onFailure(error as Error)
        await this.#pauses.wait(this.#after(error))
      }
    }
  }

  /** A drain began: a watch that is not open is opened now. */
  drain(): void {
    this.#pauses.drain()
  }

  /** The drain is undone. */
  serve(): void {
    this.#pauses.serve()
  }

  stop(): void {
    this.#stopped = true
    this.#pauses.stop()
  }

  /** @returns for how many milliseconds the API is left alone */
  #after(error: unknown): number {
    if (!isLost(error)) return this.#pauses.after(error)
    this.#version = fromCache
    // What an API forgets as soon as it has told it is no version to go on from: such an API is asked ever more seldom.
    if (this.#begunAnew) return this.#pauses.after(error)
    this.#begunAnew = true
    const isDraining = this.#on.drain.state === 'draining'
    return between(0, isDraining ? beginsAnewWithin.draining : beginsAnewWithin.serving)
  }

  async #watch(): Promise<void> {
    const { api, drain, path, selector, onEvent, onSteady } = this.#on
    const { clock } = drain
    const timeoutSeconds = Math.round(between(watchSeconds.least, watchSeconds.most))
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
          cancel = clock.after(steady, () => {
            this.#pauses.succeeded()
            this.#begunAnew = false
            onSteady(told)
          })
        },
        onLine: (line) => {
          if (this.#stopped) return
          const event = eventOf(line)
          if (event.type === 'ERROR') throw errorOf(event.object)
          told = true
          this.#version = event.object.metadata.resourceVersion ?? this.#version
          // By our own monotonic clock since the server has told its time. It may still be another server's time than that of the
          // deletion; so it is asked only for what may be old.
          const open = clock.now() - opened
          onEvent(event, date !== undefined && open < catchesUp ? date + open : undefined)
        },
      })
    } finally {
      cancel()
    }
    // An API server that shuts down ends its watches in good order, all at once.
    if (clock.now() - opened < timeoutSeconds * 900) throw new ApiError(0, 'the watch ended before its time')
  }
}

/** Whether it cannot go on from where it was: the API has forgotten that, or what came was no event. */
function isLost(error: unknown): boolean {
  if (error instanceof ApiError) return error.status === 410
  return error instanceof SyntaxError || error instanceof TypeError
}

function errorOf(status: object): ApiError {
  const { code, message } = status as { code?: unknown; message?: unknown }
  return new ApiError(Number(code) || 0, `${code}: ${message}`)
}
