export type Method = (...args: unknown[]) => unknown

/**
 * Replaces a method of one object, because Node has no public event for what the method does. An object that lacks the method gets
 * it.
 *
 * @param by Gets the original method, bound to the object, and returns the new one.
 * @returns The function that restores the object. If another library has replaced the method since, the library's method stays, and
 * its call of the new method goes to the original.
 * @throws {TypeError} if the object is frozen, or the method is not configurable
 */
export function replaceMethod(object: object, name: string, by: (original: Method) => Method): () => void {
  const target = object as Record<string, Method | undefined>
  const own = Object.getOwnPropertyDescriptor(object, name)
  const method = target[name]
  const original: Method = (...args) => method?.apply(object, args)
  let current = by(original)
  const instead: Method = (...args) => current(...args)
  Object.defineProperty(object, name, { value: instead, configurable: true, writable: true })
  return () => {
    current = original
    if (target[name] !== instead) return
    if (own) Object.defineProperty(object, name, own)
    else delete target[name]
  }
}
