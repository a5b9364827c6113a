import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs'
import { badness, type Outcome, outcomeText } from './outcome.js'

/**
 * Where a container leaves its termination message by default: the kubelet makes the file, mounts it into the container,
 * and shows its content when the container has terminated
 * (kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure).
 */
export const usualPath = '/dev/termination-log'
/** Bytes that the kubelet takes of a container's message. It takes 12 KiB of all containers of a pod together. */
const longestMessage = 4096
/** Bytes that are left to the outcome at least, if the application has written something behind it. */
const leastMessage = 1000
/** Drains that began within this time, in milliseconds, belong to the same end of a pod. */
export const sameEnd = 10_000

/** Whether there is a file that a message can be written to. */
export function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/**
 * Writes the outcome into the file, or empties it if there is none. What the application has written stays, in place of
 * the outcome or in the lines behind it. So does the worse outcome of another process of the container, unless that is from long before.
 * @throws {Error} from node:fs
 */
export function writeMessage(path: string, outcome: Outcome | undefined): void {
  // Without waiting for a reader, if the path is a pipe.
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NONBLOCK, 0o644)
  try {
    if (!fstatSync(file).isFile()) throw new Error(`${path} is not a file`)
    const there = read(file)
    const [line = ''] = there.split('\n', 1)
    const said = parse(line)
    if (there.trim() !== '' && said === undefined) return
    const behind = there.slice(line.length + 1)
    const longest = longestMessage - 1 - Buffer.byteLength(behind)
    if (longest < leastMessage) return
    const { pid } = process
    if (said !== undefined && said.pid !== pid && !isOutdone(said, outcome)) return
    const text = outcome === undefined ? '' : `${outcomeText({ ...outcome, pid } as Outcome, longest)}\n`
    ftruncateSync(file, writeSync(file, text + behind, 0))
  } finally {
    closeSync(file)
  }
}

function read(file: number): string {
  const bytes = Buffer.alloc(longestMessage + 1)
  return bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, 0))
}

/** The message of a process that drains with podrain; undefined for any other. */
function parse(text: string): (Outcome & { readonly pid: number }) | undefined {
  try {
    const said = JSON.parse(text)
    return said?.by === 'podrain' ? said : undefined
  } catch {
    return undefined
  }
}

/** Whether a message of another process gives way. */
function isOutdone(said: Outcome, outcome: Outcome | undefined): boolean {
  if (outcome === undefined) return false
  const between = Math.abs(Date.parse(outcome.startedAt) - Date.parse(said.startedAt))
  return !(between <= sameEnd) || badness(outcome) >= badness(said)
}
