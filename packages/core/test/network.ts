import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const made = /\bpodrain(\d+)[a-z]\b/

/**
 * The network of one pod: a namespace with an address of its own, and a link to the host.
 *
 * It is created and removed as a container runtime does it: the namespace has a name, the process is started in it, and when the
 * process has exited the runtime takes the link away, then the name. A namespace that belongs to the process alone
 * (`unshare --net`) is not enough: the kernel keeps it, and its link, until the sockets that the process has left behind are
 * done, and they are done when all their bytes have arrived.
 */
export class Network {
  static #count = 0
  /** The name of the namespace and of the host's end of the link. The kernel allows 15 characters. */
  readonly name = `podrain${process.pid}${String.fromCharCode(97 + (Network.#count++ % 26))}`
  /** The pod's address. */
  readonly address: string
  #there = true

  constructor() {
    // A /30 of 10.64.0.0/10 per process, so that several runs on one machine do not collide.
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

  /** The command line that runs a command in the namespace. */
  get command(): readonly string[] {
    return ['ip', 'netns', 'exec', this.name]
  }

  /** Removes the link. When this returns, no byte passes any more. */
  remove(): void {
    if (!this.#there) return
    this.#there = false
    ip('link', 'delete', this.name)
    ip('netns', 'delete', this.name)
  }

  /** Removes namespaces that this process, or an earlier one, has left behind. */
  static sweep(): void {
    for (const line of `${ip('netns', 'list')}\n${ip('-oneline', 'link', 'show')}`.split('\n')) {
      const [name, pid] = made.exec(line) ?? []
      if (name && (Number(pid) === process.pid || !existsSync(`/proc/${pid}`))) remove(name)
    }
  }

  /** The reason why namespaces are not possible here. undefined if they are. */
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

/** Removes those parts that exist. */
function remove(name: string): void {
  spawnSync('ip', ['link', 'delete', name])
  spawnSync('ip', ['netns', 'delete', name])
}

function ip(...args: string[]): string {
  const { error, status, stdout, stderr } = spawnSync('ip', args, { encoding: 'utf8' })
  if (error || status !== 0) throw new Error(`ip ${args[0]}: ${error?.message ?? stderr.trim()}`)
  return stdout
}
