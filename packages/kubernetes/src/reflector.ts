import type { Clock } from '@podrain/core'
import { type Api, ApiError, type Query, Stopped } from './api.js'
import { eventOf, type KubernetesObject, listOf, type WatchEvent } from './objects.js'

/** Seconds after which the API ends a watch by itself. */
const watchSeconds = 300
/** Objects in one answer to a list. */
const page = 50
/** The first pause after a failure, and the longest. Missing permissions are asked for as seldom as that, too. */
const [shortest, longest] = [500, 60_000]
/** A watch that has been open for so many milliseconds is a good one. */
const steady = 10_000
/** Milliseconds in which a watch that is opened tells what has happened while there was none. */
const catchesUp = 2000
/** Failures after which it lists again, whatever they were: a restored API may not know of our version yet. */
const patience = 3

export interface Listing {
  page(items: readonly KubernetesObject[], now: number | undefined): void
  end(): void
}

export interface ReflectorOptions {
  readonly api: Api
  readonly clock: Clock
  readonly path: string
  readonly query: Query
  /** A list is asked for, and comes page by page; `end` says that it has come whole. `now` is the server's time. */
  readonly onList: () => Listing
  /** `now` is the server's time, and undefined where that does not matter: what comes has just happened. */
  readonly onEvent: (event: WatchEvent, now: number | undefined) => void
  /** A watch has been open for a while. */
  readonly onSteady: () => void
  /** Called at every failure; it goes on by itself. */
  readonly onFailure: (error: Error) => void
}

/** Follows a list of objects: lists, watches from there, lists again when the API has forgotten where that was. */
export class Reflector {
  readonly #on: ReflectorOptions
  #version: string | undefined
  #failures = 0
  #stopped = false
  #wake: () => void = () => {}

  constructor(options: ReflectorOptions) {
    this.#on = options
  }

  async run(): Promise<void> {
    const { query, onList } = this.#on
    while (!this.#stopped) {
      try {
        this.#version ??= await this.list(query, onList())
        await this.#watch(this.#version)
      } catch (error) {
        if (this.#stopped || error instanceof Stopped) return
        this.#failures++
        if (isLost(error) || this.#failures >= patience) this.#version = undefined
        this.#on.onFailure(error as Error)
        await this.#pause(error)
      }
    }
  }

  /**
   * Lists what there is.
   * @param limit Milliseconds for each page
   * @returns its resourceVersion
   */
  async list(query: Query, listing: Listing, limit?: number): Promise<string> {
    let next: string | undefined
    for (;;) {
      const asked = { ...query, limit: page, continue: next }
      const { body, date } = await this.#on.api.get(this.#on.path, asked, limit)
      const list = listOf(body)
      if (this.#stopped) throw new Stopped()
      listing.page(list.items, date)
      if (list.next === undefined || list.next === next) {
        listing.end()
        return list.resourceVersion
      }
      next = list.next
    }
  }

  stop(): void {
    this.#stopped = true
    this.#wake()
  }

  async #watch(version: string): Promise<void> {
    const { api, clock, path, query, onEvent, onSteady } = this.#on
    const timeoutSeconds = Math.round(watchSeconds * (1 + Math.random()))
    let date: number | undefined
    let opened = Number.NaN
    let cancel = (): void => {}
    const asked = { ...query, resourceVersion: version, allowWatchBookmarks: true, timeoutSeconds }
    try {
      await api.watch(path, asked, (timeoutSeconds + 10) * 1000, {
        onOpen: (now) => {
          date = now
          opened = clock.now()
          cancel = clock.after(steady, () => {
            this.#failures = 0
            onSteady()
          })
        },
        onLine: (line) => {
          if (this.#stopped) return
          const event = eventOf(line)
          if (event.type === 'ERROR') throw errorOf(event.object)
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
    // One that ends as soon as it began must not be opened again as soon.
    if (clock.now() - opened < 1000) throw new ApiError(0, 'the watch ended at once')
  }

  async #pause(error: unknown): Promise<void> {
    const status = error instanceof ApiError ? error.status : 0
    const asked = error instanceof ApiError ? error.retryAfter : 0
    const grown = status === 403 ? longest : Math.min(longest, shortest * 2 ** Math.min(this.#failures - 1, 10))
    const pause = Math.min(2 * longest, Math.max(asked, grown * (0.5 + Math.random() / 2)))
    await new Promise<void>((resolve) => {
      const cancel = this.#on.clock.after(pause, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
    this.#wake = () => {}
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
