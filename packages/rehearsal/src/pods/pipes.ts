import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

/** A process, and what it writes to stdout and to stderr. */
export interface PipedProcess {
  readonly child: ChildProcess
  readonly output: readonly Readable[]
}

/** The two ends of a pipe. */
interface Pipe {
  readonly reader: Readable
  readonly writer: number
}

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants

/**
 * Starts a program whose stdout and stderr are pipes, as those of a container are. On Linux the `pipe` of Node's `spawn` is a socket,
 * and a program that opens /dev/stdout or /dev/stderr cannot open a socket.
 */
export function spawnPiped(command: string, args: readonly string[], options: SpawnOptions): PipedProcess {
  const pipes = process.platform === 'linux' ? makePipes() : []
  if (pipes.length === 0) {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    return { child, output: [child.stdout, child.stderr].flatMap((stream) => stream ?? []) }
  }
  try {
    const child = spawn(command, args, { ...options, stdio: ['ignore', ...pipes.map(({ writer }) => writer)] })
    return { child, output: pipes.map(({ reader }) => reader) }
  } finally {
    // A pipe ends when all its writers are closed, so only the process may keep them open.
    for (const { writer } of pipes) closeSync(writer)
  }
}

/** Pipes for stdout and stderr; none if the machine has no mkfifo, no temporary directory or too many open files. */
function makePipes(): readonly Pipe[] {
  const opened: number[] = []
  const open = (file: string, flags: number): number => {
    const fd = openSync(file, flags)
    opened.push(fd)
    return fd
  }
  try {
    const directory = mkdtempSync(join(tmpdir(), 'podrain-pipes-'))
    try {
      const files = ['stdout', 'stderr'].map((name) => join(directory, name))
      // Node itself can make no pipe.
      spawnSync('mkfifo', files)
      // The reader is opened first, because a writer cannot be opened without one.
      const ends = files.map((file) => ({ fd: open(file, O_RDONLY | O_NONBLOCK), writer: open(file, O_WRONLY) }))
      return ends.map(({ fd, writer }) => ({ reader: new Socket({ fd, readable: true }), writer }))
    } finally {
      rmSync(directory, { recursive: true })
    }
  } catch {
    for (const fd of opened) closeSync(fd)
    return []
  }
}
