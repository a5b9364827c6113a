/** Properties by which loggers of several libraries show whether they write. Each library has some of them. */
interface Telling {
  readonly error?: unknown
  readonly info?: unknown
  /** winston. */
  readonly silent?: unknown
  readonly transports?: unknown
  /** bunyan: a function that returns the lowest level of its streams, or `Infinity` without streams. */
  readonly level?: unknown
  /** log4js. */
  isErrorEnabled?(): boolean
}

const errorOfBunyan = 50

/** Matches the text of a function that does nothing: `() => {}`, `error() {}`, `function () { return undefined }`. */
const empty =
  /^(?:async\s+)?(?:function\b)?\s*[\w$]*\s*\(?[\w$\s,.]*\)?\s*(?:=>\s*)?(?:\{\s*(?:return(?:\s+undefined|\s+void 0)?;?)?\s*\}|undefined|void 0)$/

/**
 * Whether a logger at present discards errors. Its level may change at any time. Fastify without the option `logger` has such a
 * logger, and pino at the level `silent` is one: all its levels are the same function, which does nothing.
 */
export function writesNothing(logger: Telling): boolean {
  try {
    return logger.error === logger.info || saysSo(logger) || isEmpty(logger.error)
  } catch {
    return false // a property of the logger throws, but the logger may still write
  }
}

function saysSo(logger: Telling): boolean {
  const { silent, transports, level } = logger
  if (silent === true) return true
  if (Array.isArray(transports) && transports.every((transport: Telling) => transport.silent === true)) return true
  if (typeof level === 'function' && Number(level.call(logger)) > errorOfBunyan) return true
  return typeof logger.isErrorEnabled === 'function' && !logger.isErrorEnabled()
}

/** Whether a function does nothing, by its text. The text of a mock does not match. */
function isEmpty(write: unknown): boolean {
  return empty.test(Function.prototype.toString.call(write).trim())
}
