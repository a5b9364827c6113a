import { readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { pidNamespaces } from '../shared/pid-namespaces.js'
import { findProgram } from '../shared/programs.js'

/** The bit of SIGTERM (signal 15) in the masks of `/proc/PID/status`. */
const sigterm = 1n << 14n

/**
 * The words before a pod's command that make it PID 1 of a PID namespace. The kernel delivers no signal to a PID 1 that has no
 * handler for it. When PID 1 ends, every process of the namespace ends, in whatever session it is.
 */
export function unshareWords(command: string, path: string | undefined, cwd: string): readonly string[] {
  const namespaces = pidNamespaces()
  // A command that does not exist is started without them, because Node's error says so and unshare's does not.
  if ('obstacle' in namespaces || findProgram(command, path, cwd) === undefined) return []
  return namespaces.unshare
}

/** The PID (in this namespace) of the PID 1 that the process `unshare` has started; undefined before it has started. */
export function firstProcessOf(unshare: number): number | undefined {
  const [child = ''] = read(`/proc/${unshare}/task/${unshare}/children`).split(' ')
  return child === '' ? undefined : Number(child)
}

/** The words before a command that run it in the namespaces of a process, and in its working directory. */
export function nsenterWords(pid: number): readonly string[] {
  const namespaces = pidNamespaces()
  return 'obstacle' in namespaces ? [] : [...namespaces.nsenter, String(pid), '--']
}

/**
 * The name of the program that a PID 1 runs, if it has no handler for SIGTERM; else undefined. Node begins with its own handler,
 * which it removes at the first signal, so call this after the signal.
 */
export function sigtermIgnoredBy(pid: number): string | undefined {
  const [, caught] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(read(`/proc/${pid}/status`)) ?? []
  if (caught === undefined || (BigInt(`0x${caught}`) & sigterm) !== 0n) return undefined
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`))
  } catch {
    return undefined
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
