import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { findProgram } from './programs.js'

/** The commands that start a process as PID 1 of a namespace of its own, and others beside it. */
export interface PidNamespaces {
  /** Comes before the command of PID 1. Waits for it, ends as it ends, and takes it along when killed. */
  readonly unshare: readonly string[]
  /** Comes before a command that is to run beside a process: its number has to follow `--target`. */
  readonly nsenter: readonly string[]
}

let known: PidNamespaces | { readonly obstacle: string } | undefined

/** How processes get a PID namespace on this machine, or why they cannot. Tried out once. */
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
  // Who is not root needs a user namespace for it, and stays who he is in it.
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
