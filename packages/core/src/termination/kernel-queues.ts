import { createReadStream, readdirSync, readlinkSync } from 'node:fs'
import os from 'node:os'
import { type Clock, until, within } from '../shared/clock.js'
import { linger, queueInterval, queueRest, sharedQueueTime } from '../shared/timing.js'
import { localAddressOf, type Queue, queuesOf } from './socket-table.js'

/** Where a server listened; without the address where only the port is known. */
export interface Listened {
  readonly port: number
  readonly family: string
  readonly address?: string
}

/** What the kernel says: the queues of connections, and who listens. */
interface Look {
  readonly queues: readonly Queue[]
  /** The local addresses of other processes that listen on one of our ports. */
  readonly others: readonly string[]
}

/**
 * Waits until the kernel holds no more bytes of ours for any client.
 *
 * Node reports a response as closed once the kernel has taken its bytes, up to megabytes of them. On a host the kernel
 * goes on sending after the process has exited; in a pod the container runtime takes the network interface away with the
 * last process, and the client waits for bytes that never come. Sockets that Node has already closed still show in
 * /proc/net/tcp, but belong to no process there: they are known by the address that they were accepted on.
 *
 * @param listened Where the servers listened.
 * @param left Milliseconds that may be waited, asked again each time.
 * @param remark is told what is not waited for.
 * @returns The bytes of ours that were still not taken when the time ran out.
 */
export async function delivered(
  clock: Clock,
  listened: readonly Listened[],
  left: () => number,
  remark: (message: string) => void = () => {},
): Promise<number> {
  if (listened.length === 0) return 0
  const begun = clock.now()
  /** The connections of the first look: ours are all closed, so one that comes later is somebody else's. */
  let ours: Set<string> | undefined
  let queued: readonly Queue[] | undefined
  let took = 0
  /** How much is held, and how much of it may be another process's. */
  const held = (): { all: number; shared: number } => {
    const of = (queues: readonly Queue[]): number => queues.reduce((sum, { bytes }) => sum + bytes, 0)
    return { all: of(queued ?? []), shared: of(queued?.filter(({ shared }) => shared) ?? []) }
  }
  await until(
    clock,
    () => Math.max(queueInterval, queueRest * took),
    left,
    async () => {
      const asked = clock.now()
      const look = isSilent() ? undefined : await lookAt(listened)
      took = clock.now() - asked
      const known = ours
      queued = look && oursOf(look).filter(({ shared, connection }) => !shared || (known?.has(connection) ?? true))
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
      `another process listens on the same port, so it cannot be told whose clients have not taken ${shared} bytes: ` +
        'they are not waited for any longer',
    )
  }
  return all - shared
}

/**
 * The queues that are ours, as far as can be told. One that belongs to a process is ours if it is this process; one that
 * belongs to none has been closed by this process or by another that listens on the same address.
 */
function oursOf({ queues, others }: Look): Queue[] {
  if (queues.length === 0) return []
  const own = queues.some(({ inode }) => inode !== 0) ? ownInodes() : undefined
  return queues
    .filter(({ inode }) => inode === 0 || (own?.has(inode) ?? true))
    .map((queue) => {
      const isOurs = queue.inode !== 0 && own !== undefined
      return { ...queue, shared: !isOurs && others.some((address) => address === '*' || address === queue.local) }
    })
}

/** The sockets of this process; undefined where that cannot be known. */
function ownInodes(): Set<number> | undefined {
  try {
    const inodes = new Set<number>()
    for (const name of readdirSync('/proc/self/fd')) {
      try {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${name}`))?.[1]
        if (inode !== undefined) inodes.add(Number(inode))
      } catch {
        // It has been closed just now: the list itself is one of them.
      }
    }
    return inodes
  } catch {
    return undefined
  }
}

/** gVisor, as on GKE Sandbox and Cloud Run, has the table, but every queue in it is 0. It always calls itself this. */
function isSilent(): boolean {
  return os.version() === '#1 SMP Sun Jan 10 15:06:54 PST 2016' || os.release().endsWith('-gvisor')
}

async function lookAt(listened: readonly Listened[]): Promise<Look | undefined> {
  const wanted = new Map<number, string[]>()
  for (const { port, address } of listened) {
    wanted.set(port, [...(wanted.get(port) ?? []), localAddressOf(address)])
  }
  // A socket for IPv6 has its IPv4 clients in the table of IPv6, too.
  const paths = new Set(listened.map(({ family }) => (family === 'IPv4' ? '/proc/net/tcp' : '/proc/net/tcp6')))
  const tables = await Promise.all([...paths].map((path) => read(path, wanted).catch(() => undefined)))
  if (tables.every((queues) => queues === undefined)) return undefined
  const lines = tables.flatMap((queues) => queues ?? [])
  const listening = lines.filter(({ listens }) => listens)
  const own = listening.length > 0 ? ownInodes() : undefined
  const foreign = listening.filter(({ inode }) => !own?.has(inode)).map(({ local }) => local)
  // Whoever listens on an address of its own gets its clients, though we listen on all.
  const isTaken = (local: string, port: number): boolean =>
    foreign.includes(local) && !(wanted.get(port) ?? []).includes(local)
  const queues = lines.filter(({ listens, bytes, local, port }) => !listens && bytes > 0 && !isTaken(local, port))
  return { queues, others: foreign }
}

/** Piece by piece, as the table has a line for every socket of the node. */
async function read(path: string, wanted: ReadonlyMap<number, readonly string[]>): Promise<Queue[]> {
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
