import { createServer, type ListenOptions, type Server } from 'node:net'
import type { RehearsalPlan } from '../plan/options.js'
import type { Address, Addresses } from './address.js'
import { limitCpu } from './cpu-limit.js'
import { PodNetwork } from './network.js'

/** The parts of a plan that decide where pods listen. */
export type AddressPlan = Pick<
  RehearsalPlan,
  'port' | 'netns' | 'cpus' | 'preStop' | 'readinessProbe' | 'livenessProbe' | 'startupProbe'
>

/** Addresses for pods, with a CPU limit if the plan has one. */
export async function createAddresses(plan: AddressPlan): Promise<Addresses> {
  const addresses = await chooseAddresses(plan)
  if (plan.cpus === null) return addresses
  try {
    return await limitCpu(addresses, plan.cpus)
  } catch (error) {
    await addresses.close()
    throw error
  }
}

/** Pods differ by port, or, if one of their ports is fixed, by address. */
async function chooseAddresses(plan: AddressPlan): Promise<Addresses> {
  const { port, preStop, readinessProbe, livenessProbe, startupProbe } = plan
  if (plan.netns) return PodNetwork.create(port ?? 8080)
  const hookPort = preStop !== null && 'httpGet' in preStop ? preStop.httpGet.port : undefined
  const others = [readinessProbe, livenessProbe, startupProbe]
    .map((probe) => probe?.grpc?.port ?? probe?.port)
    .concat(hookPort)
    .filter((other) => other !== undefined)
  const own = port !== null || others.length > 0
  return {
    next: () => (own ? ownAddress(port, others) : sharedAddress()),
    close: async () => {},
  }
}

/** The addresses that pods of this process have. */
const taken = new Set<string>()

/**
 * Claims an address for a pod, so that no other rehearsal gets the same one: until the pod listens, nothing else shows that its port is
 * taken. For other processes the claim is a socket in the abstract namespace of Linux (unix(7)), which ends with this process at the latest.
 * @returns The function that ends the claim; undefined if the address has been claimed.
 */
async function claim(key: string): Promise<(() => void) | undefined> {
  if (taken.has(key)) return undefined
  taken.add(key)
  const server = createServer().unref()
  const obstacle = process.platform === 'linux' ? await obstacleTo(server, { path: `\0podrain-${key}` }) : undefined
  const unclaim = () => {
    taken.delete(key)
    server.close()
  }
  if (obstacle?.code !== 'EADDRINUSE') return unclaim
  unclaim()
  return undefined
}

/**
 * A free port of 127.0.0.1 below the ephemeral range (from 32768 on Linux, 49152 elsewhere). In that range, a client's outgoing
 * connection could take the port before the pod listens on it.
 */
function sharedAddress(): Promise<Address> {
  return find(() => ({ host: '127.0.0.1', ports: [20_000 + below(12_000)] }))
}

/** An address in 127.0.0.0/8 for one pod. All of this network is loopback on Linux; elsewhere only 127.0.0.1 is. */
function ownAddress(port: number | null, others: readonly number[]): Promise<Address> {
  return find(() => ({
    host: `127.${1 + below(254)}.${below(256)}.${1 + below(254)}`,
    ports: [port ?? 20_000 + below(12_000), ...others],
  }))
}

async function find(draw: () => { host: string; ports: number[] }): Promise<Address> {
  let obstacle: NodeJS.ErrnoException | undefined
  for (let attempt = 0; attempt < 200; attempt++) {
    const { host, ports } = draw()
    const port = ports[0] as number
    const key = `${host}:${port}`
    const unclaim = await claim(key)
    if (unclaim === undefined) continue
    obstacle = await obstacleOf(host, ports)
    if (obstacle === undefined) return { host, port, command: [], env: {}, release: async () => unclaim() }
    unclaim()
    if (obstacle.code === 'EADDRNOTAVAIL') {
      throw new Error(
        `Fixed ports need an address for each pod, and this machine has no ${host}. Let the app read its port from a variable (\`portEnv\`), or rehearse on Linux`,
      )
    }
    if (obstacle.code === 'EACCES') throw new Error(`This user may not listen on port ${port}`)
  }
  throw new Error(`Found no free address for a pod: ${obstacle?.message ?? 'all are taken'}`)
}

/** The error of listening on the first of these ports that is not free; undefined: all are free. */
async function obstacleOf(host: string, ports: readonly number[]): Promise<NodeJS.ErrnoException | undefined> {
  for (const port of new Set(ports)) {
    const server = createServer()
    const obstacle = await obstacleTo(server, { port, host })
    if (obstacle !== undefined) return obstacle
    await new Promise((resolve) => server.close(resolve))
  }
  return undefined
}

/** The error of listening; undefined if the server listens. */
function obstacleTo(server: Server, place: ListenOptions): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    server.once('error', resolve)
    server.listen(place, () => resolve(undefined))
  })
}

function below(limit: number): number {
  return Math.floor(Math.random() * limit)
}
