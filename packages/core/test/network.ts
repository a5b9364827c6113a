import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const made = /\bpodrain(\d+)[a-z]\b/

/**
 * The network of one pod: a namespace with an address of its own, and a link to the host.
 *
 * Made and removed as the container runtime does it: the namespace has a name, the process is started in it, and when the
 * process has exited the runtime takes the link away, then the name. A namespace that belongs to the process alone
 * (`unshare --net`) would not do: the kernel keeps it, and its link, until the sockets that the process left behind are
 * done, and they are done when all their bytes have arrived.
 */
export class Network {
  static #count = 0
  /** Of the namespace, and of the host's end of the link. The kernel allows 15 characters. */
  readonly name = `podrain${process.pid}${String.fromCharCode(97 + (Network.#count++ % 26))}`
  /** The pod's address. */
  readonly address: string
  #there = true

  constructor() {
    // A /30 per process, of 10.64.0.0/10: several runs on one machine do not meet.
    const subnet = 0x0a400000 + (process.pid % 2 ** 20) * 4
    const [host, pod] = [1, 2].map((end) => [24, 16, 8, 0].map((bits) => ((subnet + end) >>> bits) & 255).join('.'))
    this.address = pod as string
    try {
      ip('netns', 'add', this.name)
      ip('link', 'add', this.name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.name)
      ip('-n', this.name, 'address', 'add', `${pod}/30`, 'dev', 'eth0')
      ip('-n', this.name, 'link', 'set', 'eth0', 'up')
      ip('address', 'add', `${host}/30`, 'dev', this.name)
      ip('link', 'set', this.name, 'up')
    } catch (error) {
      remove(this.name)
      throw error
    }
  }

  /** What runs a command in it. */
  get command(): readonly string[] {
    return ['ip', 'netns', 'exec', this.name]
  }

  /** When this returns, no byte passes any more. */
  remove(): void {
    if (!this.#there) return
    this.#there = false
    ip('link', 'delete', this.name)
    ip('netns', 'delete', this.name)
  }

  /** Removes what this process, or one that is no more, has left. */
  static sweep(): void {
    for (const line of `${ip('netns', 'list')}\n${ip('-oneline', 'link', 'show')}`.split('\n')) {
      const [name, pid] = made.exec(line) ?? []
      if (name && (Number(pid) === process.pid || !existsSync(`/proc/${pid}`))) remove(name)
    }
  }

  /** Why there can be none here, if so. */
  static get obstacle(): string | undefined {
    if (process.platform !== 'linux') return `no network namespaces on ${process.platform}`
    try {
      Network.sweep()
      new Network().remove()
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }
}

/** Whatever there is of it. */
function remove(name: string): void {
  spawnSync('ip', ['link', 'delete', name])
  spawnSync('ip', ['netns', 'delete', name])
}

function ip(...args: string[]): string {
  const { error, status, stdout, stderr } = spawnSync('ip', args, { encoding: 'utf8' })
  if (error || status !== 0) throw new Error(`ip ${args[0]}: ${error?.message ?? stderr.trim()}`)
  return stdout
}
