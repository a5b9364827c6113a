/** What loggers of several libraries say about whether they write. Each has only some of it. */
interface Telling {
  readonly error?: unknown
  readonly info?: unknown
  /** winston. */
  readonly silent?: unknown
  readonly transports?: unknown
  /** bunyan: a function that returns the least level of its streams, `Infinity` without any. */
  readonly level?: unknown
  /** log4js. */
  isErrorEnabled?(): boolean
}

const errorOfBunyan = 50

/** A function that does nothing: `() => {}`, `error() {}`, `function () { return undefined }`. */
const empty =
  /^(?:async\s+)?(?:function\b)?\s*[\w$]*\s*\(?[\w$\s,.]*\)?\s*(?:=>\s*)?(?:\{\s*(?:return(?:\s+undefined|\s+void 0)?;?)?\s*\}|undefined|void 0)$/

/**
 * Whether a logger swallows the errors that it is given now: it may be told to at any time. Fastify without the option `logger`
 * has such a one, and so has pino at the level `silent`: one function that does nothing stands for each level.
 */
export function writesNothing(logger: Telling): boolean {
  try {
    return logger.error === logger.info || saysSo(logger) || isEmpty(logger.error)
  } catch {
    return false // what it says about itself is broken, which need not be true of what it writes
  }
}

function saysSo(logger: Telling): boolean {
  const { silent, transports, level } = logger
  if (silent === true) return true
  if (Array.isArray(transports) && transports.every((transport: Telling) => transport.silent === true)) return true
  if (typeof level === 'function' && Number(level.call(logger)) > errorOfBunyan) return true
  return typeof logger.isErrorEnabled === 'function' && !logger.isErrorEnabled()
}

/** By its text, as nothing else tells. A mock has a text of its own, and is not taken for one. */
function isEmpty(write: unknown): boolean {
  return empty.test(Function.prototype.toString.call(write).trim())
}
