/** A signal that a process can catch and that close-with-grace supports. */
export type Signal = Extract<import('close-with-grace').AllEvents, `SIG${string}`>

/** The signals that the option `signals` may name: those that a process can catch and that close-with-grace supports. */
export const supportedSignals: readonly Signal[] = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGSEGV',
  'SIGUSR2',
  'SIGTERM',
]
