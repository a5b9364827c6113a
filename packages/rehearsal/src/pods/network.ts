import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Address, Addresses } from './address.js'
import { guardNetwork, releaseNetwork } from './reaper.js'

const run = promisify(execFile)

/** The names of bridges, and of pods' links and namespaces: PID and number. The kernel allows 15 characters. */
const made = /\bpodr-([0-9a-z]+)-([0-9a-z]+)\b/g
let count = 0

/** The names in use by this process. Any other name with its PID is left from a dead process that had the same PID. */
const own = new Set<string>()

/**
 * A bridge, and on it a network namespace with an address for each pod.
 *
 * Namespaces are made and removed as the container runtime does it: the namespace has a name, the process is started in it, and
 * when the process has exited the runtime removes the link, then the name. `unshare --net` would not do: the kernel keeps such a
 * namespace and its link until the sockets of the process are done, which is when all their bytes have arrived. So no byte would be lost.
 */
export class PodNetwork implements Addresses {
  readonly #bridge: string
  readonly #port: number
  /** The first three numbers of the addresses. The bridge has the address that ends in 1. */
  readonly #subnet: string
  #last = 1
  readonly #pods = new Map<string, Promise<void> | undefined>()

  /** @throws Error that says what this machine lacks. */
  static async create(port: number): Promise<PodNetwork> {
    if (process.platform !== 'linux') throw new Error(`\`netns\` needs Linux; this is ${process.platform}`)
    if (process.getuid?.() !== 0) throw new Error('`netns` needs root, which alone may make network namespaces')
    await sweep()
    const network = new PodNetwork(port, await freeSubnet())
    try {
      await network.#open()
    } catch (error) {
      await network.close()
      throw error
    }
    return network
  }

  private constructor(port: number, subnet: string) {
    this.#port = port
    this.#subnet = subnet
    this.#bridge = nextName()
  }

  async #open(): Promise<void> {
    guardNetwork(this.#bridge)
    await ip('link', 'add', this.#bridge, 'type', 'bridge')
    await ip('address', 'add', `${this.#subnet}.1/24`, 'dev', this.#bridge)
    await ip('link', 'set', this.#bridge, 'up')
  }

  async next(): Promise<Address> {
    if (this.#last === 254) throw new Error('`netns` has addresses for 253 pods')
    const host = `${this.#subnet}.${++this.#last}`
    const gateway = `${this.#subnet}.1`
    const name = nextName()
    this.#pods.set(name, undefined)
    guardNetwork(name)
    await ip('netns', 'add', name)
    await ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    await ip('-n', name, 'address', 'add', `${host}/24`, 'dev', 'eth0')
    await ip('-n', name, 'link', 'set', 'lo', 'up')
    await ip('-n', name, 'link', 'set', 'eth0', 'up')
    await ip('-n', name, 'route', 'add', 'default', 'via', gateway)
    await ip('link', 'set', name, 'master', this.#bridge, 'up')
    return {
      host,
      port: this.#port,
      command: ['ip', 'netns', 'exec', name],
      env: { HOST_IP: gateway },
      release: () => this.#remove(name),
    }
  }

  /** Removes everything. Resolves when it is gone. */
  async close(): Promise<void> {
    await Promise.all([...this.#pods.keys()].map((name) => this.#remove(name)))
    await removeBoth(this.#bridge)
    releaseNetwork(this.#bridge)
    own.delete(this.#bridge)
  }

  /** Removes a pod's link and namespace. A second call joins the first. */
  #remove(name: string): Promise<void> {
    const removal = this.#pods.get(name) ?? removeBoth(name).then(() => releaseNetwork(name))
    this.#pods.set(name, removal)
    return removal.then(() => void own.delete(name))
  }
}

function nextName(): string {
  const name = `podr-${process.pid.toString(36)}-${(count++).toString(36)}`
  own.add(name)
  return name
}

/** Removes what killed rehearsals have left. */
async function sweep(): Promise<void> {
  const names = new Set([...`${await ip('netns', 'list')}\n${await ip('-oneline', 'link', 'show')}`.matchAll(made)])
  for (const [name, pid = ''] of names) {
    const number = Number.parseInt(pid, 36)
    const left = number === process.pid ? !own.has(name) : !existsSync(`/proc/${number}`)
    if (left) await removeBoth(name)
  }
}

/** A /24 of 198.18.0.0/15 that no address of this machine is in. The range is reserved for test networks (RFC 2544). */
async function freeSubnet(): Promise<string> {
  const addresses = await ip('-oneline', '-4', 'address', 'show')
  for (let tried = 0; tried < 512; tried++) {
    const number = (process.pid + count + tried) % 512
    const subnet = `198.${18 + (number >> 8)}.${number & 255}`
    if (!addresses.includes(` ${subnet}.`)) return subnet
  }
  throw new Error('All of 198.18.0.0/15 is in use')
}

async function removeBoth(name: string): Promise<void> {
  // The link first: without it, no byte passes any more. Either may exist without the other.
  await ip('link', 'delete', name).catch(() => {})
  await ip('netns', 'delete', name).catch(() => {})
}

async function ip(...args: string[]): Promise<string> {
  try {
    return (await run('ip', args)).stdout
  } catch (error) {
    const { code, stderr = '', message } = error as NodeJS.ErrnoException & { stderr?: string }
    if (code === 'ENOENT') throw new Error('`netns` needs the command `ip` (package iproute2)')
    throw new Error(`\`netns\`: ip ${args.join(' ')}: ${stderr.trim() || message}`)
  }
}
