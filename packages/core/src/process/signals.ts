/** A signal that a process can catch and that close-with-grace supports. */
export type Signal = Extract<import('close-with-grace').AllEvents, `SIG${string}`>

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
