import { readdir, readFile, readlink } from 'node:fs/promises'

/** `/proc/net/tcp` writes states as hex; this is LISTEN. */
const listen = '0A'

/**
 * The ports that the processes of a group listen on, as the kernel tells; none where there is no `/proc`.
 * Says where an app is that did not come up where it was expected.
 */
export async function portsOfGroup(group: number): Promise<number[]> {
  const ports = new Set<number>()
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
        if (state === listen && sockets.has(inode)) ports.add(Number.parseInt(local.slice(local.indexOf(':') + 1), 16))
      }
    }
  }
  return [...ports].sort((a, b) => a - b)
}

/** The entries of a directory that are numbers; none if it is gone, or not ours to read. */
async function numbered(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => [])
  return names.filter((name) => /^\d+$/.test(name))
}
