/** What it resolves with, or nothing if that takes too long. */
export function within<T>(it: Promise<T>, milliseconds: number): Promise<T | undefined> {
  return Promise.race([it, new Promise<undefined>((resolve) => setTimeout(resolve, milliseconds, undefined).unref())])
}
