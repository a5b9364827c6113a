const groups = new Set<number>()
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Ends a whole process group, as the death of PID 1 ends a container; a group that is gone already is fine. */
export function killGroup(pid: number): void {
  try {
    // Windows knows no process groups.
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL')
  } catch {}
}

function reap(): void {
  for (const pid of groups) killGroup(pid)
}

/**
 * Pods have process groups of their own, so Ctrl-C in a terminal does not reach them: we do it, then die as asked.
 * A program with a handler of its own decides itself; if it exits, `reap` runs then.
 */
function reapAndDie(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return
  reap()
  process.removeListener(signal, reapAndDie)
  process.kill(process.pid, signal)
}

/** Sees to it that the process group `pid` does not outlive this process. */
export function guard(pid: number): void {
  if (groups.size === 0) {
    process.on('exit', reap)
    for (const signal of signals) process.on(signal, reapAndDie)
  }
  groups.add(pid)
}

/** Forgets a process group that is gone, and the listeners with the last one. */
export function release(pid: number): void {
  groups.delete(pid)
  if (groups.size > 0) return
  process.removeListener('exit', reap)
  for (const signal of signals) process.removeListener(signal, reapAndDie)
}
