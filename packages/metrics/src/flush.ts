/** Methods that a provider of an OpenTelemetry SDK may have. The no-op provider of the API alone has none of them. */
interface Flushable {
  forceFlush?(): Promise<unknown>
  /** The global tracer provider is a proxy. This method returns the provider that was registered. */
  getDelegate?(): Flushable
}

/** Exports everything that the provider holds, if it has `forceFlush`. */
export async function flush(provider: object): Promise<void> {
  const { forceFlush, getDelegate } = provider as Flushable
  if (forceFlush) await forceFlush.call(provider)
  else if (getDelegate) await getDelegate.call(provider).forceFlush?.()
}
