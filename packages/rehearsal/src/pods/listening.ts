import { readdir, readFile, readlink } from 'node:fs/promises'

/** Where a process listens. */
export interface Listener {
  /** `127.0.0.1`, `::1`; `0.0.0.0` and `::` are every address. */
  readonly host: string
  readonly port: number
}

/** `/proc/net/tcp` writes states as hex; this is LISTEN. */
const listen = '0A'

/**
 * Where the processes of a group listen, as the kernel tells; nowhere where there is no `/proc`.
 * Says where an app is that did not come up where it was expected.
 */
export async function listenersOfGroup(group: number): Promise<Listener[]> {
  const listeners = new Map<string, Listener>()
  for (const pid of await numbered('/proc')) {
    // After the name, which may hold anything: state, parent, group.
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

/** `[::1]:8080`, as one writes it. */
export function written({ host, port }: Listener): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** `0100007F:1F90` is 127.0.0.1:8080: each word of an address is written backwards. */
function listenerOf(local: string): Listener {
  const [address = '', port = ''] = local.split(':')
  const bytes = (address.match(/.{8}/g) ?? []).flatMap((word) =>
    (word.match(/../g) ?? []).reverse().map((byte) => Number.parseInt(byte, 16)),
  )
  return { host: bytes.length === 4 ? bytes.join('.') : ipv6(bytes), port: Number.parseInt(port, 16) }
}

/** As URLs write it: the shortest way. */
function ipv6(bytes: readonly number[]): string {
  const words = bytes.flatMap((byte, index) =>
    index % 2 === 0 ? [(byte * 256 + (bytes[index + 1] ?? 0)).toString(16)] : [],
  )
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1)
}

/** The entries of a directory that are numbers; none if it is gone, or not ours to read. */
async function numbered(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => [])
  return names.filter((name) => /^\d+$/.test(name))
}
