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
 * The default file for the termination message of a container. The kubelet creates the file, mounts it into the container, and
 * shows its content when the container has terminated
 * (kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure).
 */
export const usualPath = '/dev/termination-log'
/** How many bytes of a container's message the kubelet reads. For all containers of a pod together, it reads 12 KiB. */
const longestMessage = 4096
/** The smallest number of bytes for the outcome. If the application has written more behind it, no outcome is written. */
const leastMessage = 1000
/** Drains whose beginnings are at most this far apart, in milliseconds, belong to the same termination of a pod. */
export const sameEnd = 10_000

/** Whether the path is an existing file that a message can be written to. */
export function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/**
 * Writes the outcome into the first line of the file, or removes that line.
 * - Text that the application has written into the file stays: in the first line, in place of the outcome, or in later lines.
 * - A worse outcome of another process of the container stays, too, unless it is older than `sameEnd`.
 * @param outcome undefined to remove the outcome.
 * @throws {Error} from node:fs
 */
export function writeMessage(path: string, outcome: Outcome | undefined): void {
  // With O_NONBLOCK, the call does not wait for a reader if the path is a pipe.
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

/** Parses a message that podrain has written. Returns undefined for any other text. */
function parse(text: string): (Outcome & { readonly pid: number }) | undefined {
  try {
    const said = JSON.parse(text)
    return said?.by === 'podrain' ? said : undefined
  } catch {
    return undefined
  }
}

/** Whether the message of another process may be replaced. */
function isOutdone(said: Outcome, outcome: Outcome | undefined): boolean {
  if (outcome === undefined) return false
  const between = Math.abs(Date.parse(outcome.startedAt) - Date.parse(said.startedAt))
  return !(between <= sameEnd) || badness(outcome) >= badness(said)
}
