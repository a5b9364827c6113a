import { writesNothing } from './silent.js'

/** Where a drain writes. Any of console, pino and winston fits. */
export interface Logger {
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

/** How the report is written: a sentence, or a line of JSON for a collector that reads such lines. */
export type ReportFormat = 'text' | 'json'

/** A logger that marks every line as podrain's. */
export interface DrainLogger extends Logger {
  /**
   * An error that ends the process, or says why it exits with 1. Where the logger writes nothing it goes to stderr, as Node
   * itself would have said it there.
   */
  alarm(message: string): void
  /** One line. To pino the fields go beside it, with `reportFormat: 'json'` the line is JSON that has both. */
  record(level: 'info' | 'alarm', message: string, fields: object): void
}

/** What pino's loggers have and no other: they take fields before the message. */
interface Pino {
  bindings(): object
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

/**
 * The logger to use for the option as given.
 * @param worker the name of this process or thread among others
 */
export function namedLogger(logger: Logger | false, worker?: string, format: ReportFormat = 'text'): DrainLogger {
  const name = worker === undefined ? 'podrain' : `podrain (${worker})`
  const attempt = (write: () => unknown): void => {
    try {
      const written = write()
      if (written instanceof Promise) written.catch(() => {}) // or its rejection would end the process
    } catch {
      // A logger that is closed already must not keep the process from ending well.
    }
  }
  const isSilent = (): boolean => logger === false || writesNothing(logger)
  const write = (level: keyof Logger) => (message: string) => {
    if (logger !== false) attempt(() => logger[level](`${name}: ${message}`))
  }
  const toStderr = (message: string): void => attempt(() => void process.stderr.write(`${name}: ${message}\n`))
  return {
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    alarm: (message) => (isSilent() ? toStderr : write('error'))(message),
    record(kind, text, fields) {
      if (kind === 'alarm' && isSilent()) toStderr(text)
      if (logger === false) return
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

/** A duration as log lines show it. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
