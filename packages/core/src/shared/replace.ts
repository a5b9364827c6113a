export type Method = (...args: unknown[]) => unknown

/**
 * Replaces a method of one object, where Node has no public event for what the method does. An object without the
 * method gets one.
 *
 * @param by Gets the method that it replaces, bound to the object.
 * @returns The function that restores the object. If another library has replaced the method since, and calls this one,
 * the call goes on to the original.
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
