import { readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { pidNamespaces } from '../shared/pid-namespaces.js'
import { findProgram } from '../shared/programs.js'

/** The bit of SIGTERM, whose number is 15, in the masks of `/proc/PID/status`. */
const sigterm = 1n << 14n

/**
 * The words before a pod's command that make it PID 1 of a PID namespace: the kernel delivers no signal to it for which it
 * has no handler, and when it ends, all that it has started ends with it, whatever session that is in.
 */
export function unshareWords(command: string, path: string | undefined, cwd: string): readonly string[] {
  const namespaces = pidNamespaces()
  // What cannot be started is left to Node, whose errors say why.
  if ('obstacle' in namespaces || findProgram(command, path, cwd) === undefined) return []
  return namespaces.unshare
}

/** PID 1 of the namespace that the process `unshare` has made, by its number here; undefined before it is there. */
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
 * The name of the program that a PID 1 runs if it has no handler for SIGTERM. Node begins with one of its own that is gone
 * after the first signal, so this is to be asked after it.
 */
export function deafProgramOf(pid: number): string | undefined {
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
