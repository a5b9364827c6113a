import type closeWithGrace from 'close-with-grace'

/** A signal that can be caught and that close-with-grace knows. */
export type Signal = Extract<closeWithGrace.AllEvents, `SIG${string}`>

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
