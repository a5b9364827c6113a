import { readdir, readFile, readlink } from 'node:fs/promises'

/** Where a process listens. */
export interface Listener {
  /** `127.0.0.1`, `::1`; `0.0.0.0` and `::` are every address. */
  readonly host: string
  readonly port: number
}

/** The state LISTEN in `/proc/net/tcp`, which writes states as hex. */
const listen = '0A'

/**
 * Where the processes of a process group listen, as the kernel says; empty without `/proc`. It finds an app that does not listen
 * where it should.
 */
export async function listenersOfGroup(group: number): Promise<Listener[]> {
  const listeners = new Map<string, Listener>()
  for (const pid of await numbered('/proc')) {
    // The fields after the name are state, parent, group. The name itself may contain spaces and parentheses.
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
    if (Number(stat.slice(stat.lastIndexOf(')')).split(' ')[3]) !== group) continue
    const sockets = new Set<string>()
    for (const fd of await numbered(`/proc/${pid}/fd`)) {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')) ?? []
      if (inode !== undefined) sockets.add(inode)
    }
    for (const table of ['tcp', 'tcp6']) {
      const lines = await readFile(`/proc/${pid}/net/${table}`, 'utf8').catch(() => '')
      for (const line of lines.split('\n').slice(1)) {
        const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
        if (state === listen && sockets.has(inode)) listeners.set(local, listenerOf(local))
      }
    }
  }
  return [...listeners.values()].sort((a, b) => a.port - b.port)
}

/** Such as `127.0.0.1:8080` or `[::1]:8080`. */
export function written({ host, port }: Listener): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** `0100007F:1F90` is 127.0.0.1:8080: the bytes of each 32-bit word are in reverse order. */
function listenerOf(local: string): Listener {
  const [address = '', port = ''] = local.split(':')
  const bytes = (address.match(/.{8}/g) ?? []).flatMap((word) =>
    (word.match(/../g) ?? []).reverse().map((byte) => Number.parseInt(byte, 16)),
  )
  return { host: bytes.length === 4 ? bytes.join('.') : ipv6(bytes), port: Number.parseInt(port, 16) }
}

/** The shortest way to write an IPv6 address. */
function ipv6(bytes: readonly number[]): string {
  const words = bytes.flatMap((byte, index) =>
    index % 2 === 0 ? [(byte * 256 + (bytes[index + 1] ?? 0)).toString(16)] : [],
  )
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1)
}

/** The entries of a directory whose names are numbers; empty if the directory is gone or may not be read. */
async function numbered(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => [])
  return names.filter((name) => /^\d+$/.test(name))
}
