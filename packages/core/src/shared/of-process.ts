/**
 * Returns the object of this name that all copies of the package share in this process. npm may install two versions, or a
 * preload may have its own copy.
 * @param name The name of the object. An object of this name must have the same interface in all versions.
 */
export function ofProcess<Thing>(name: string, create: () => Thing): Thing {
  const holder = process as unknown as Record<symbol, Thing | undefined>
  const key = Symbol.for(`podrain.${name}`)
  holder[key] ??= create()
  return holder[key]
}
