import { nearest } from '../shared/nearest.js'
import type { Place } from '../text/place.js'
import type { UnknownKey } from './inspection.js'
import { consult, escapePointer, namesIn } from './schema.js'

/** The known key that was meant by an unknown key, unless the object has that key too. */
export function meantBy(unknown: UnknownKey): string | undefined {
  const { root, pointer, keys, key } = unknown
  const holder = root.get(...namesIn(pointer))
  const meant = nearest(key, keys) ?? startOf(unknown)
  return meant === undefined || holder.get(meant).exists ? undefined : meant
}

/** The known key that the unknown key begins with, if the value fits: `preStop` for `preStopHook`. */
function startOf(unknown: UnknownKey): string | undefined {
  const starts = [...unknown.keys].filter((each) => each.length >= 5 && unknown.key.startsWith(each))
  const longest = starts.sort((one, other) => other.length - one.length)[0]
  return longest !== undefined && fits(unknown, longest) ? longest : undefined
}

/** Whether the value is valid under the key `name`, in the same object or at the pointer `at`: `port: 80` does not fit `ports`. */
export function fits({ schema, value, pointer, key }: UnknownKey, name: string, at: string = pointer): boolean {
  const copy = structuredClone(value)
  const [holder, home] = [itemAt(copy, pointer), itemAt(copy, at)]
  if (holder === undefined || home === undefined || (at !== pointer && name in home)) return false
  home[name] = holder[key]
  const there = `${at}/${escapePointer(name)}`
  return !consult(schema, copy).complaints.some(
    ({ instancePath }) => instancePath === there || instancePath.startsWith(`${there}/`),
  )
}

/** The object at a pointer. Missing objects on the way are created. */
function itemAt(value: unknown, pointer: string): Record<string, unknown> | undefined {
  let item: unknown = value
  const names = namesIn(pointer)
  for (const [index, name] of names.entries()) {
    if (typeof item !== 'object' || item === null) return undefined
    const holder = item as Record<string, unknown>
    holder[name] ??= typeof names[index + 1] === 'number' ? [] : {}
    item = holder[name]
  }
  return typeof item === 'object' && item !== null ? (item as Record<string, unknown>) : undefined
}

/** Keys that so many objects have that it cannot be guessed where one belongs. */
const everywhere = new Set([
  'name',
  'type',
  'kind',
  'metadata',
  'spec',
  'labels',
  'annotations',
  'key',
  'value',
  'path',
  'host',
])

/** The place where a misplaced key belongs. */
export interface Home {
  readonly path: string
  /** How far away it is, such as `2 levels up`. */
  readonly levels: string
  /** Its pointer; undefined if there are several such places, for instance two containers. */
  readonly pointer: string | undefined
  /** Whether the object exists already. */
  readonly exists: boolean
}

/** The nearest place where the schema knows a key. */
export function homeOf(unknown: UnknownKey): Home | undefined {
  const { root, known, pointer, key } = unknown
  if (everywhere.has(key)) return undefined
  const homes = [...known].flatMap(([each, keys]) => (each !== pointer && keys.has(key) ? [each] : []))
  // Of two equally near places, the outer one: people indent too far more often than not far enough.
  const [found] = homes.sort(
    (one, other) => levels(pointer, one) - levels(pointer, other) || levelOf(one) - levelOf(other),
  )
  const home = found ?? newHomeOf(unknown)
  if (home === undefined || far(pointer, home) > 5) return undefined
  const shape = (each: string) => each.replace(/\/\d+(?=\/|$)/g, '/#')
  const isOnly = found === undefined || homes.filter((each) => shape(each) === shape(found)).length === 1
  return {
    path: pathOf(root, home),
    levels: levelsBetween(pointer, home),
    pointer: isOnly ? home : undefined,
    exists: found !== undefined,
  }
}

/** The pointer of such a place in an object that does not exist yet: `lifecycle` for `preStop` in a container without it. */
function newHomeOf({ schema, value, pointer, keys, key }: UnknownKey): string | undefined {
  for (const child of keys) {
    for (const [shape, inner] of [
      [{}, ''],
      [[{}], '/0'],
      [{ spec: {} }, '/spec'],
    ] as const) {
      const copy = structuredClone(value)
      const holder = itemAt(copy, pointer)
      if (holder === undefined || child in holder) break
      holder[child] = shape
      const at = `${pointer}/${escapePointer(child)}`
      if (consult(schema, copy).known.get(`${at}${inner}`)?.has(key)) return `${at}${inner}`
    }
  }
  return undefined
}

/** Steps from one pointer to the other. */
function far(one: string, other: string): number {
  const [first, second] = [one.split('/'), other.split('/')]
  const shared = sharedSteps(first, second)
  return first.length - shared + (second.length - shared)
}

function sharedSteps(one: readonly string[], other: readonly string[]): number {
  const different = one.findIndex((step, index) => step !== other[index])
  return different === -1 ? one.length : different
}

function levelsBetween(from: string, to: string): string {
  const [here, there] = [levelOf(from), levelOf(to)]
  if (sharedSteps(from.split('/'), to.split('/')) < Math.min(from.split('/').length, to.split('/').length)) {
    return 'elsewhere'
  }
  const levels = Math.abs(here - there)
  return `${levels} ${levels === 1 ? 'level' : 'levels'} ${there > here ? 'further in' : 'up'}`
}

/** Steps from one pointer to the other, without those to items of lists. */
function levels(one: string, other: string): number {
  const shared = levelOf(
    one
      .split('/')
      .slice(0, sharedSteps(one.split('/'), other.split('/')))
      .join('/'),
  )
  return levelOf(one) - shared + (levelOf(other) - shared)
}

/** Depth without the numbers of items. */
function levelOf(pointer: string): number {
  return namesIn(pointer).filter((name) => typeof name === 'string').length
}

function pathOf(root: Place, pointer: string): string {
  const inside = namesIn(pointer).reduce<string>(
    (path, name) => (typeof name === 'number' ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`),
    root.path,
  )
  return inside === '' ? 'the top' : inside
}
