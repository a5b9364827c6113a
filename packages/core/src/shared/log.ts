import { writesNothing } from './silent.js'

/** Where a drain writes its log lines. console, pino and winston have this interface. */
export interface Logger {
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

/** How the report is logged: as a sentence (`'text'`), or as a line of JSON for a log collector (`'json'`). */
export type ReportFormat = 'text' | 'json'

/** A logger that prefixes each line with podrain's name. */
export interface DrainLogger extends Logger {
  /**
   * Logs an error that ends the process, or the reason why the process exits with 1. If the logger writes nothing, the line goes to
   * stderr, where Node itself would have written the error.
   */
  alarm(message: string): void
  /**
   * Logs one line with fields. pino gets the fields as an object. With `reportFormat: 'json'`, the line is JSON that contains the
   * message and the fields.
   */
  record(level: 'info' | 'alarm', message: string, fields: object): void
}

/** The methods that distinguish a pino logger. It takes fields before the message. */
interface Pino {
  bindings(): object
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

const nothing = (): void => {}
/** The logger for `logger: false`. */
const silent: Logger = { info: nothing, warn: nothing, error: nothing }

/**
 * Returns the drain's logger for the option `logger`.
 * @param worker The name of this process or thread in log lines, if there are several.
 */
export function namedLogger(option: Logger | false, worker?: string, format: ReportFormat = 'text'): DrainLogger {
  const logger = option || silent
  const name = worker === undefined ? 'podrain' : `podrain (${worker})`
  const attempt = (write: () => unknown): void => {
    try {
      const written = write()
      if (written instanceof Promise) written.catch(() => {}) // otherwise a rejection would end the process
    } catch {
      // A logger that throws, for example because it is closed, must not keep the drain from its end.
    }
  }
  const write = (level: keyof Logger) => (message: string) => attempt(() => logger[level](`${name}: ${message}`))
  const toStderr = (message: string): void => attempt(() => void process.stderr.write(`${name}: ${message}\n`))
  return {
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    alarm: (message) => (writesNothing(logger) ? toStderr : write('error'))(message),
    record(kind, text, fields) {
      if (kind === 'alarm' && writesNothing(logger)) toStderr(text)
      const level = kind === 'alarm' ? 'error' : 'info'
      const message = `${name}: ${text}`
      attempt(() =>
        isPino(logger)
          ? logger[level](fields, message)
          : logger[level](format === 'json' ? JSON.stringify({ message, ...fields }) : message),
      )
    },
  }
}

function isPino(logger: unknown): logger is Pino {
  return typeof (logger as Partial<Pino>).bindings === 'function'
}

/** A duration in seconds, for log lines. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
