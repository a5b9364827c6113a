import { createReadStream } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { type Clock, until, within } from '../shared/clock.js'
import { linger, queueInterval, queueRest } from '../shared/timing.js'

/** LISTEN in the kernel's numbering (include/net/tcp_states.h) … */
const listenState = '0A'
/** … and FIN_WAIT1, LAST_ACK, CLOSING: our FIN is sent and not acknowledged. It counts as a byte, but is none of a response. */
const finSentStates = ['04', '09', '0B']

/** Where a server listened. */
export type Listened = Pick<AddressInfo, 'port' | 'family'>

/**
 * Waits until the kernel holds no more bytes of ours for any client.
 *
 * Node reports a response as closed once the kernel has taken its bytes, up to megabytes of them. On a host the kernel
 * goes on sending after the process has exited; in a pod the container runtime takes the network interface away with the
 * last process, and the client waits for bytes that never come. Sockets that Node has already closed still show in /proc/net/tcp.
 *
 * @param addresses Where the servers listened.
 * @param left Milliseconds that may be waited, asked again each time.
 * @returns The bytes that were still not taken when the time ran out.
 */
export async function delivered(clock: Clock, addresses: readonly Listened[], left: () => number): Promise<number> {
  if (addresses.length === 0) return 0
  let bytes: number | undefined
  let took = 0
  await until(
    clock,
    () => Math.max(queueInterval, queueRest * took),
    left,
    async () => {
      const asked = clock.now()
      bytes = await queuedBytes(addresses)
      took = clock.now() - asked
      return !bytes
    },
  )
  if (bytes !== undefined) return bytes
  await within(clock, Math.min(left(), linger), new Promise(() => {}))
  return 0
}

async function queuedBytes(addresses: readonly Listened[]): Promise<number | undefined> {
  const ports = addresses.map(({ port }) => port)
  // A socket for IPv6 has its IPv4 clients in the table of IPv6, too.
  const paths = new Set(addresses.map(({ family }) => (family === 'IPv4' ? '/proc/net/tcp' : '/proc/net/tcp6')))
  const queues = await Promise.all([...paths].map((path) => queuedIn(path, ports).catch(() => undefined)))
  if (queues.every((bytes) => bytes === undefined)) return undefined
  return queues.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0)
}

/** Piece by piece, as the table has a line for every socket of the node. */
async function queuedIn(path: string, ports: readonly number[]): Promise<number> {
  let bytes = 0
  let rest = ''
  for await (const piece of createReadStream(path, 'latin1')) {
    const text = rest + piece
    const whole = text.lastIndexOf('\n') + 1
    bytes += sendQueue(text.slice(0, whole), ports)
    rest = text.slice(whole)
  }
  return bytes
}

/**
 * The bytes in the send queues of the sockets bound to the ports, in the format of proc_net_tcp(5):
 * `sl local_address rem_address st tx_queue:rx_queue …`, all numbers hexadecimal.
 */
export function sendQueue(table: string, ports: readonly number[]): number {
  const local = ports.map((port) => port.toString(16).toUpperCase().padStart(4, '0')).join('|')
  const lines = new RegExp(`^ *\\d+: [\\dA-F]+:(?:${local}) [\\dA-F]+:[\\dA-F]+ ([\\dA-F]+) ([\\dA-F]+):`, 'gm')
  let bytes = 0
  for (const [, state = '', queue] of table.matchAll(lines)) {
    if (state === listenState) continue
    const queued = Number.parseInt(queue ?? '', 16)
    // A client that has vanished never acknowledges it.
    bytes += finSentStates.includes(state) ? Math.max(0, queued - 1) : queued
  }
  return bytes
}
