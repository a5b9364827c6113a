import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { findProgram } from './programs.js'

/** The commands that start a process as PID 1 of a new namespace, and other processes in that namespace. */
export interface PidNamespaces {
  /** The words before the command of PID 1. `unshare` waits for PID 1 and exits as it does. If `unshare` is killed, PID 1 is killed too. */
  readonly unshare: readonly string[]
  /** The words before the PID of a process and a command that is to run in the namespaces of that process. They end with `--target`. */
  readonly nsenter: readonly string[]
}

let known: PidNamespaces | { readonly obstacle: string } | undefined

/** How processes get a PID namespace on this machine, or why they cannot. The first call tries it, with a child process. */
export function pidNamespaces(): PidNamespaces | { readonly obstacle: string } {
  known ??= tryOut()
  return known
}

function tryOut(): PidNamespaces | { readonly obstacle: string } {
  if (process.platform !== 'linux') return { obstacle: `PID namespaces need Linux, and this is ${process.platform}` }
  const [unshare, nsenter] = [findProgram('unshare'), findProgram('nsenter')]
  if (unshare === undefined || nsenter === undefined)
    return { obstacle: 'there is no `unshare` or `nsenter` (util-linux)' }
  if (!existsSync('/proc/thread-self/children'))
    return { obstacle: 'the kernel does not list the children of a process' }
  // A user other than root needs a user namespace. `--map-current-user` keeps the user's ID in it.
  const asUser = process.getuid?.() !== 0
  const command = [
    ...[unshare, ...(asUser ? ['--user', '--map-current-user'] : [])],
    ...['--pid', '--fork', '--kill-child', '--mount-proc', '--'],
  ]
  const [program = '', ...args] = command
  const { status, stderr, error } = spawnSync(program, [...args, 'true'], { encoding: 'utf8', timeout: 10_000 })
  if (status !== 0) return { obstacle: `${(stderr ?? '').trim() || error?.message || `unshare ended with ${status}`}` }
  return {
    unshare: command,
    nsenter: [nsenter, ...(asUser ? ['--user', '--preserve-credentials'] : []), '--pid', '--mount', '--wd', '--target'],
  }
}
