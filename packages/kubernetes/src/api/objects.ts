// The fields of API objects that this package reads. The objects come from outside, so any field may be missing or wrong.

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

export interface Pod extends KubernetesObject {
  readonly status?: {
    readonly conditions?: readonly { readonly type?: string; readonly status?: string }[] | null
  } | null
}

export interface Service {
  readonly spec: {
    readonly externalTrafficPolicy?: string
    readonly internalTrafficPolicy?: string
  }
}

export interface Endpoint {
  readonly addresses?: readonly string[] | null
  readonly nodeName?: string | null
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
  readonly addressType?: string
  readonly ports?: readonly ({ readonly name?: string | null } | null)[] | null
  readonly endpoints?: readonly Endpoint[] | null
}

export interface WatchEvent {
  readonly type: string
  readonly object: KubernetesObject
}

/**
 * Returns the objects of a list.
 * @throws {TypeError} if the body is not a list
 */
export function itemsOf(body: unknown): KubernetesObject[] {
  const { items, metadata } = (body ?? {}) as { items?: unknown; metadata?: { resourceVersion?: unknown } | null }
  if (items !== null && !Array.isArray(items)) throw new TypeError('the response is not a list')
  if (typeof metadata?.resourceVersion !== 'string') throw new TypeError('the list has no resourceVersion')
  return (items ?? []).filter(isObject)
}

/**
 * Parses an event of a watch.
 * @throws {SyntaxError | TypeError} if the line is not an event
 */
export function eventOf(line: string): WatchEvent {
  const event = JSON.parse(line)
  if (typeof event?.type !== 'string') throw new TypeError('an event has no type')
  // The Status of an ERROR event has empty metadata, or none.
  if (event.type !== 'ERROR' && !isObject(event.object)) throw new TypeError('an event has no object')
  return event
}

/** Returns the value if it is a list. Otherwise an empty list. */
export function listIn<Each>(value: readonly Each[] | null | undefined): readonly Each[] {
  return Array.isArray(value) ? value : []
}

function isObject(value: unknown): value is KubernetesObject {
  const metadata = (value as Partial<KubernetesObject> | null)?.metadata
  return typeof metadata === 'object' && metadata !== null
}
