/** The value of a promise; undefined if the promise takes longer than `milliseconds`. */
export function within<T>(it: Promise<T>, milliseconds: number): Promise<T | undefined> {
  return Promise.race([it, new Promise<undefined>((resolve) => setTimeout(resolve, milliseconds, undefined).unref())])
}
