// What is read of the objects of the API. They come from outside, so nothing in them is certain.

export interface ObjectMeta {
  readonly name?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly deletionTimestamp?: string | null
  readonly deletionGracePeriodSeconds?: number | null
}

export interface KubernetesObject {
  readonly metadata: ObjectMeta
}

export interface Endpoint {
  readonly addresses?: readonly string[] | null
  readonly conditions?: {
    readonly ready?: boolean | null
    readonly serving?: boolean | null
    readonly terminating?: boolean | null
  } | null
  readonly targetRef?: {
    readonly kind?: string
    readonly name?: string
    readonly namespace?: string
    readonly uid?: string
  } | null
}

export interface EndpointSlice extends KubernetesObject {
  readonly endpoints?: readonly Endpoint[] | null
}

export interface WatchEvent {
  readonly type: string
  readonly object: KubernetesObject
}

export interface List {
  readonly items: readonly KubernetesObject[]
  readonly resourceVersion: string
  /** What the next page is asked for with. */
  readonly next: string | undefined
}

/** @throws {TypeError} if it is none */
export function listOf(body: unknown): List {
  const { items, metadata } = (body ?? {}) as { items?: unknown; metadata?: Record<string, unknown> }
  const version = metadata?.resourceVersion
  if (items !== null && !Array.isArray(items)) throw new TypeError('the answer is no list')
  if (typeof version !== 'string' || version === '') throw new TypeError('the list has no resourceVersion')
  const next = metadata?.continue
  return {
    items: (items ?? []).filter(isObject),
    resourceVersion: version,
    next: typeof next === 'string' && next !== '' ? next : undefined,
  }
}

/** @throws {SyntaxError | TypeError} if it is none */
export function eventOf(line: string): WatchEvent {
  const event = JSON.parse(line)
  if (typeof event?.type !== 'string') throw new TypeError('an event without a type')
  // A Status of an ERROR has empty metadata, or none.
  if (event.type !== 'ERROR' && !isObject(event.object)) throw new TypeError('an event without an object')
  return event
}

function isObject(value: unknown): value is KubernetesObject {
  const metadata = (value as Partial<KubernetesObject> | null)?.metadata
  return typeof metadata === 'object' && metadata !== null
}
