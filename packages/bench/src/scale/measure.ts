import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Child, pin } from '../child.js'
import type { Fate } from './client.js'
import type { Order } from './clients.js'
import type { Drained, Memory, Question } from './server.js'

export interface Size {
  readonly idle: number
  readonly busy: number
  /**
   * Whether both ends of each connection are in the server's process, without sockets. For more connections than a process may have
   * open files.
   */
  readonly inMemory: boolean
}

/** One drain. */
export interface Run extends Size {
  readonly drained: Drained
  readonly clients: Fate
  /** Bytes per connection. */
  readonly memory: Memory
  /** The sockets in the kernel's table when the drain began, with those of earlier drains in TIME_WAIT. */
  readonly sockets: number
}

/** Connections per client process, and so per client address. */
const share = 12_500

/** Files that a process has open besides its connections. */
const spare = 100

export async function drainOf(size: Size): Promise<Run> {
  return withServer('podrain', size, async ({ server, clients, memory }) => {
    const sockets = knownSockets()
    const drained = await server.ask<Drained>('drain' satisfies Question)
    const fates = size.inMemory
      ? [await server.ask<Fate>('fate' satisfies Question)]
      : await Promise.all(clients.map((client) => client.ask<Fate>({})))
    const sum = (count: keyof Fate): number => fates.reduce((total, fate) => total + fate[count], 0)
    const fate: Fate = {
      answered: sum('answered'),
      lost: sum('lost'),
      ended: sum('ended'),
      reset: sum('reset'),
      open: sum('open'),
    }
    return { ...size, drained, clients: fate, memory, sockets }
  })
}

/** The memory of a connection on a server without podrain. */
export function bareMemory(idle: number): Promise<Memory> {
  return withServer('bare', { idle, busy: 0, inMemory: false }, async ({ memory }) => memory)
}

interface Open {
  readonly server: Child
  readonly clients: readonly Child[]
  /** Per connection. */
  readonly memory: Memory
}

async function withServer<T>(contender: string, size: Size, act: (open: Open) => Promise<T>): Promise<T> {
  const all = size.idle + size.busy
  const start = (file: string, core: number, args: string[] = [], flags: string[] = []): Child =>
    new Child(join(__dirname, file), args, [...openFiles((size.inMemory ? 0 : all) + spare), ...pin(core)], flags)
  const server = start('server.js', 0, [contender], ['--expose-gc'])
  const clients: Child[] = []
  try {
    const port = await server.receive<number>()
    const before = await server.ask<Memory>('memory' satisfies Question)
    const orders: Order[] = []
    for (let done = 0; done < all && !size.inMemory; done += share) {
      const idle = Math.max(0, Math.min(share, size.idle - done))
      const busy = Math.min(share, all - done) - idle
      orders.push({ port, address: 2 + orders.length, idle, busy })
      clients.push(start('clients.js', 1))
    }
    await Promise.all(orders.map((order, index) => clients[index]?.ask(order)))
    if (size.inMemory) await server.ask({ idle: size.idle, busy: size.busy } satisfies Question)
    const after = await server.ask<Memory>('memory' satisfies Question)
    const memory = { rss: (after.rss - before.rss) / all, heap: (after.heap - before.heap) / all }
    return await act({ server, clients, memory })
  } finally {
    await Promise.all([server, ...clients].map((child) => child.kill()))
  }
}

/** A command that starts another one with a limit of `count` open files. */
function openFiles(count: number): string[] {
  return ['sh', '-c', `ulimit -n ${count} && exec "$@"`, 'sh']
}

/** `wanted`, or fewer if the limit of open files allows one process fewer connections. */
export function mostConnections(wanted: number): number {
  const [command = '', ...args] = openFiles(wanted + spare)
  try {
    execFileSync(command, [...args, 'true'], { stdio: 'ignore' })
    return wanted
  } catch {
    return Number(execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' })) - spare
  }
}

function knownSockets(): number {
  try {
    const line = readFileSync('/proc/net/sockstat', 'utf8').match(/^TCP: inuse (\d+) orphan (\d+) tw (\d+)/m)
    return (line ?? []).slice(1).reduce((sum, count) => sum + Number(count), 0)
  } catch {
    return Number.NaN
  }
}
