import { isScalar, isSeq } from 'yaml'
import { itemsOf, listOf, type Part, partAt, setAt, textAt } from './graft.js'

/**
 * Applies a JSON patch (RFC 6902). An operation that does not fit is skipped, because `kustomize build` fails on it with a better
 * message.
 */
export function patchWith(object: Part, operations: Part): Part {
  return itemsOf(operations).reduce(carryOut, object)
}

function carryOut(object: Part, operation: Part): Part {
  const way = stepsOf(textAt(operation, 'path'))
  const value = partAt(operation, ['value'])
  switch (textAt(operation, 'op')) {
    case 'add':
      return insert(object, way, value)
    case 'replace':
      return partAt(object, way) === undefined ? object : setAt(object, way, value)
    case 'remove':
      return setAt(object, way, undefined)
    case 'move':
    case 'copy': {
      const from = stepsOf(textAt(operation, 'from'))
      const moved = partAt(object, from)
      const without = textAt(operation, 'op') === 'move' ? setAt(object, from, undefined) : object
      return insert(without, way, moved)
    }
    default:
      return object
  }
}

/** Adds a value. In a list, it is inserted before the item at the index. */
function insert(object: Part, way: readonly string[], value: Part | undefined): Part {
  if (value === undefined) return object
  const [toHolder, last] = [way.slice(0, -1), way.at(-1) ?? '']
  const holder = partAt(object, toHolder)
  if (holder === undefined) return object
  if (!isSeq(holder.node) || last === '-') return setAt(object, way, value)
  const list = listOf(itemsOf(holder).toSpliced(Number(last), 0, value))
  return setAt(object, toHolder, { node: list, origin: holder.origin })
}

/** The steps of a JSON pointer (RFC 6901). */
function stepsOf(pointer: string | undefined): string[] {
  return (pointer ?? '')
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** Whether a patch is a JSON patch, a list of operations, and not a patch to merge. */
export function isJsonPatch(part: Part): boolean {
  return itemsOf(part).some((item) => isScalar(partAt(item, ['op'])?.node))
}
