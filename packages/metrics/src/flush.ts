/** What a provider of an SDK may have, and that of the API alone has not. */
interface Flushable {
  forceFlush?(): Promise<unknown>
  /** The global provider of traces stands for the one that was registered. */
  getDelegate?(): Flushable
}

/** Exports all that the provider holds, if it can. */
export async function flush(provider: object): Promise<void> {
  const { forceFlush, getDelegate } = provider as Flushable
  if (forceFlush) await forceFlush.call(provider)
  else if (getDelegate) await getDelegate.call(provider).forceFlush?.()
}
