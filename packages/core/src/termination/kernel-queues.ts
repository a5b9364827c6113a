import { createReadStream, readdirSync, readlinkSync } from 'node:fs'
import os from 'node:os'
import { type Clock, until, within } from '../shared/clock.js'
import { linger, queueInterval, queueRest, sharedQueueTime } from '../shared/timing.js'
import { localAddressOf, type Queue, queuesOf } from './socket-table.js'

/** An address on which a server has listened. Without `address`, only the port is known. */
export interface Listened {
  readonly port: number
  readonly family: string
  readonly address?: string
}

/** The content of the kernel's socket tables at one moment. */
interface Snapshot {
  readonly queues: readonly Queue[]
  /** The local addresses on which other processes listen on one of our ports. */
  readonly others: readonly string[]
}

/**
 * Waits until the kernel holds no more bytes of this process for any client.
 *
 * Node reports a response as closed when the kernel has taken its bytes, which may be megabytes. On a host, the kernel sends them even
 * after the process has exited. In a pod, the container runtime removes the network interface with the last process, and the client
 * waits for bytes that never come. Sockets that Node has closed still appear in /proc/net/tcp, but without a process. They are
 * recognised by the address on which they were accepted.
 *
 * @param listened The addresses on which the servers have listened.
 * @param left Returns the milliseconds that the wait may take. It is called before each wait.
 * @param remark Called with a log line about bytes for which the process does not wait.
 * @returns The number of bytes of this process that clients had not taken when the time ran out.
 */
export async function delivered(
  clock: Clock,
  listened: readonly Listened[],
  left: () => number,
  remark: (message: string) => void = () => {},
): Promise<number> {
  if (listened.length === 0) return 0
  const begun = clock.now()
  /** The connections at the first check. This process accepts no more by then, so a later one belongs to another process. */
  let ours: Set<string> | undefined
  let queued: readonly Queue[] | undefined
  let took = 0
  /** Number of bytes that the kernel holds, and how many of them may belong to another process. */
  const held = (): { all: number; shared: number } => {
    const of = (queues: readonly Queue[] = []): number => queues.reduce((sum, { bytes }) => sum + bytes, 0)
    return { all: of(queued), shared: of(queued?.filter(({ shared }) => shared)) }
  }
  await until(
    clock,
    () => Math.max(queueInterval, queueRest * took),
    left,
    async () => {
      const asked = clock.now()
      const snapshot = isSilent() ? undefined : await takeSnapshot(listened)
      took = clock.now() - asked
      const first = ours
      queued =
        snapshot && oursOf(snapshot).filter(({ shared, connection }) => !shared || (first?.has(connection) ?? true))
      ours ??= queued && new Set(queued.map(({ connection }) => connection))
      const { all, shared } = held()
      return all === 0 || (all === shared && clock.now() - begun >= sharedQueueTime)
    },
  )
  if (!queued) {
    await within(clock, Math.min(left(), linger), new Promise(() => {}))
    return 0
  }
  const { all, shared } = held()
  if (shared > 0) {
    remark(
      `another process listens on the same port, so ${shared} bytes that clients have not taken may be that process's: ` +
        'podrain does not wait for them any longer',
    )
  }
  return all - shared
}

/**
 * The queues that may belong to this process. A socket with a process is ours if its process is this one. A socket without a process
 * was closed by this process, or by another process that listens on the same address.
 */
function oursOf({ queues, others }: Snapshot): Queue[] {
  if (queues.length === 0) return []
  const own = queues.some(({ inode }) => inode !== 0) ? ownInodes() : undefined
  return queues
    .filter(({ inode }) => inode === 0 || (own?.has(inode) ?? true))
    .map((queue) => {
      const isOurs = queue.inode !== 0 && own !== undefined
      return { ...queue, shared: !isOurs && others.some((address) => address === '*' || address === queue.local) }
    })
}

/** The inodes of this process's sockets; undefined if they cannot be read. */
function ownInodes(): Set<number> | undefined {
  const inodes = new Set<number>()
  try {
    for (const name of readdirSync('/proc/self/fd')) {
      try {
        const inode = /^socket:\[(\d+)/.exec(readlinkSync(`/proc/self/fd/${name}`))?.[1]
        if (inode !== undefined) inodes.add(Number(inode))
      } catch {
        // The descriptor has been closed since it was listed. The descriptor of the listing itself always is.
      }
    }
  } catch {
    return undefined
  }
  return inodes
}

/**
 * Whether the kernel is gVisor (GKE Sandbox, Cloud Run). gVisor has the tables, but all queues in them are 0. It is recognised by the
 * constant version that it reports.
 */
function isSilent(): boolean {
  return os.version() === '#1 SMP Sun Jan 10 15:06:54 PST 2016' || os.release().endsWith('-gvisor')
}

async function takeSnapshot(listened: readonly Listened[]): Promise<Snapshot | undefined> {
  const wanted = new Map<number, string[]>()
  for (const { port, address } of listened) {
    wanted.set(port, [...(wanted.get(port) ?? []), localAddressOf(address)])
  }
  // IPv4 clients of an IPv6 socket appear in the table for IPv6.
  const paths = new Set(listened.map(({ family }) => (family === 'IPv4' ? '/proc/net/tcp' : '/proc/net/tcp6')))
  const read = await Promise.all([...paths].map((path) => queuesIn(path, wanted).catch(() => undefined)))
  const tables = read.filter((queues) => queues !== undefined)
  if (tables.length === 0) return undefined
  const lines = tables.flat()
  const listening = lines.filter(({ listens }) => listens)
  const own = listening.length > 0 ? ownInodes() : undefined
  const foreign = listening.filter(({ inode }) => !own?.has(inode)).map(({ local }) => local)
  // If another process listens on a specific address, it gets the clients of that address, even if ours listens on all addresses.
  const isTaken = (local: string, port: number): boolean =>
    foreign.includes(local) && !wanted.get(port)?.includes(local)
  const queues = lines.filter(({ listens, bytes, local, port }) => !listens && bytes > 0 && !isTaken(local, port))
  return { queues, others: foreign }
}

/** Reads a table in chunks, because the table may have a line for every socket of the node. */
async function queuesIn(path: string, wanted: ReadonlyMap<number, readonly string[]>): Promise<Queue[]> {
  const queues: Queue[] = []
  let rest = ''
  for await (const piece of createReadStream(path, 'latin1')) {
    const text = rest + piece
    const whole = text.lastIndexOf('\n') + 1
    queues.push(...queuesOf(text.slice(0, whole), wanted))
    rest = text.slice(whole)
  }
  return queues
}
