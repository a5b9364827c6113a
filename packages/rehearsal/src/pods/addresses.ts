import { createServer } from 'node:net'
import type { RehearsalPlan } from '../plan/options.js'
import type { Address, Addresses } from './address.js'
import { limitCpu } from './cpu-limit.js'
import { PodNetwork } from './network.js'

/** The parts of a plan that say where pods listen. */
export type AddressPlan = Pick<
  RehearsalPlan,
  'port' | 'netns' | 'cpus' | 'preStop' | 'readinessProbe' | 'livenessProbe' | 'startupProbe'
>

/** Where pods listen, and what of the machine they get there. */
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

/** Chooses how pods are told apart: by port, or, where a port is fixed, by address. */
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

/** Handed out by this process: rehearsals that run side by side must not get the same one. */
const taken = new Set<string>()

/**
 * A free port below the range that outgoing connections draw theirs from (32768 on Linux, 49152 elsewhere): one that the
 * kernel picks could be taken by one of our own clients before the pod listens on it.
 */
function sharedAddress(): Promise<Address> {
  return find(() => ({ host: '127.0.0.1', ports: [20_000 + below(12_000)] }))
}

/** An address of its own in 127.0.0.0/8, all of which is this machine on Linux; elsewhere only 127.0.0.1 is. */
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
    if (taken.has(key)) continue
    taken.add(key)
    obstacle = await obstacleOf(host, ports)
    if (obstacle === undefined) {
      const release = async () => void taken.delete(key)
      return { host, port, command: [], env: {}, release }
    }
    taken.delete(key)
    if (obstacle.code === 'EADDRNOTAVAIL') {
      throw new Error(
        `Fixed ports need an address for each pod, and this machine has no ${host}. Let the pods be told a port (\`portEnv\`), or rehearse on Linux`,
      )
    }
    if (obstacle.code === 'EACCES') throw new Error(`This user may not listen on port ${port}`)
  }
  throw new Error(`Found no free address for a pod: ${obstacle?.message ?? 'all are taken'}`)
}

/** Why a pod could not listen on all of these ports. */
async function obstacleOf(host: string, ports: readonly number[]): Promise<NodeJS.ErrnoException | undefined> {
  for (const port of new Set(ports)) {
    const obstacle = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      const server = createServer()
      server.once('error', resolve)
      server.listen(port, host, () => server.close(() => resolve(undefined)))
    })
    if (obstacle !== undefined) return obstacle
  }
  return undefined
}

function below(limit: number): number {
  return Math.floor(Math.random() * limit)
}
