/**
 * What all copies of the package share in this process: npm may install two versions, or a preload may bring its own.
 * @param name The name of the thing. What has this name must keep its shape in all versions.
 */
export function ofProcess<Thing>(name: string, create: () => Thing): Thing {
  const holder = process as unknown as Record<symbol, Thing | undefined>
  const key = Symbol.for(`podrain.${name}`)
  holder[key] ??= create()
  return holder[key]
}
