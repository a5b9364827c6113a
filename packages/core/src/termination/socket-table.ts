import net from 'node:net'

/** LISTEN in the kernel's numbering (include/net/tcp_states.h). */
const listenState = '0A'
/** FIN_WAIT1, LAST_ACK and CLOSING: our FIN is not acknowledged. The FIN counts as one byte in the queue. */
const finSentStates = ['04', '09', '0B']

/** One line of the table. */
export interface Queue {
  /** The local address as the table writes it, or `*` for all addresses of this machine. */
  readonly local: string
  readonly port: number
  /** The addresses of both ends. */
  readonly connection: string
  readonly listens: boolean
  /** Number of bytes that the client has not taken. */
  readonly bytes: number
  /** 0 if the socket no longer belongs to a process. */
  readonly inode: number
  /** Whether the socket may belong to another process. */
  readonly shared?: boolean
}

/** The columns of a line that are read, as text. Some kernels do not write the last two columns. */
interface Columns {
  readonly hex: string
  readonly hexPort: string
  readonly remote: string
  readonly state: string
  readonly queue: string
  readonly uid?: string
  readonly inode?: string
}

/**
 * Finds the sockets that are bound to our addresses. The format is that of proc_net_tcp(5): `sl local_address
 * rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …`, with hexadecimal numbers up to
 * `retrnsmt`.
 * @param wanted The local addresses by port, as `localAddressOf` writes them.
 */
export function queuesOf(table: string, wanted: ReadonlyMap<number, readonly string[]>): Queue[] {
  const ports = [...wanted.keys()].map((port) => port.toString(16).toUpperCase().padStart(4, '0')).join('|')
  const lines = new RegExp(
    `^ *\\d+: (?<hex>[\\dA-F]+):(?<hexPort>${ports}) (?<remote>[\\dA-F]+:[\\dA-F]+) (?<state>[\\dA-F]+) (?<queue>[\\dA-F]+):[^ \\n]+(?: +[^ \\n]+ +[^ \\n]+ +(?<uid>\\d+) +\\d+ +(?<inode>\\d+))?`,
    'gm',
  )
  const self = process.getuid?.()
  const queues: Queue[] = []
  for (const { groups } of table.matchAll(lines)) {
    const { hex, hexPort, remote, state, queue, uid = 0, inode = 0 } = groups as unknown as Columns
    const [port, listens] = [Number.parseInt(hexPort, 16), state === listenState]
    const local = isWildcard(hex) ? '*' : shortened(hex)
    const addresses = wanted.get(port) ?? []
    if (!addresses.includes('*') && !addresses.includes(local) && !(listens && local === '*')) continue
    // A socket of another user is not ours. Older kernels report root as the owner of a socket without a process. If this process
    // runs as root, its workers may run as other users.
    if (!listens && Number(uid) !== 0 && self && Number(uid) !== self) continue
    const queued = Number.parseInt(queue, 16)
    // The FIN does not count, because a client that has vanished never acknowledges it.
    const bytes = finSentStates.includes(state) ? Math.max(0, queued - 1) : queued
    queues.push({ local, port, connection: `${hex}:${port} ${remote}`, listens, bytes, inode: Number(inode) })
  }
  return queues
}

/**
 * Returns an address in the table's form: words of 32 bits, each in the byte order of the machine. An IPv4-mapped IPv6 address
 * becomes IPv4.
 */
export function localAddressOf(address: string | undefined): string {
  if (address === undefined) return '*'
  const bytes = net.isIPv4(address) ? address.split('.').map(Number) : bytesOf6(address)
  if (!bytes) return '*'
  const words = Array.from({ length: bytes.length / 4 }, (_, word) => bytes.slice(4 * word, 4 * word + 4))
  const isLittle = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1
  const hex = words
    .flatMap((word) => (isLittle ? word.toReversed() : word))
    .map((byte) => byte.toString(16).toUpperCase().padStart(2, '0'))
    .join('')
  return isWildcard(hex) ? '*' : shortened(hex)
}

function isWildcard(hex: string): boolean {
  return /^0+$/.test(hex)
}

/** Shortens an IPv4-mapped address: `::ffff:10.0.0.1` becomes `10.0.0.1`. */
function shortened(hex: string): string {
  return /^0{16}(?:FFFF0000|0000FFFF)/.test(hex) ? hex.slice(24) : hex
}

function bytesOf6(address: string): number[] | undefined {
  const [plain = ''] = address.split('%') // without the zone of a link-local address
  if (!net.isIPv6(plain)) return undefined
  // The URL parser reads every form of an IPv6 address, and writes the canonical one.
  const host = new URL(`http://[${plain}]/`).hostname.slice(1, -1)
  const [head = '', tail] = host.split('::')
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'))
  const [before, after] = [groups(head), groups(tail ?? '')]
  const all = [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after]
  return all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255])
}
