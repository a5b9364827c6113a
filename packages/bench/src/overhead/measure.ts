import { join } from 'node:path'
import { Child, pin } from '../child.js'
import { shuffled } from '../statistics.js'
import { bare, contendersOf } from './contenders.js'
import type { Generator } from './load.js'

/** What one contender did in one round. */
export interface Slice {
  readonly requests: number
  readonly seconds: number
  /** Of the server's processor, in microseconds. */
  readonly cpu: number
}

/** Two servers on one processor at the same time: whatever else the machine does, it does to both. */
export interface Duel {
  readonly bare: Slice
  readonly own: Slice
}

/** The contenders of one framework. */
export interface Race {
  readonly framework: string
  /** Each alone: those of one place were measured one after the other. */
  readonly slices: Readonly<Record<string, readonly Slice[]>>
  /** Each beside the bare server. */
  readonly duels: Readonly<Record<string, readonly Duel[]>>
}

export interface Plan {
  readonly rounds: number
  /** How often all servers are started anew: no two processes are equally lucky with their memory and their compiler. */
  readonly starts: number
  /** Of one slice. */
  readonly seconds: number
}

/** Each round asks every contender once alone and once beside the bare server, in an order that chance decides. */
export async function race(
  framework: string,
  [generator, another]: readonly [Generator, Generator],
  core: number,
  { rounds, starts, seconds }: Plan,
): Promise<Race> {
  const contenders = contendersOf(framework)
  const slices: Record<string, Slice[]> = Object.fromEntries(contenders.map((name) => [name, []]))
  const duels: Record<string, Duel[]> = Object.fromEntries(contenders.slice(1).map((name) => [name, []]))
  for (let start = 0; start < starts; start++) {
    const servers: Server[] = []
    try {
      for (const name of contenders) servers.push(await Server.start(framework, name, core))
      for (const server of shuffled(servers)) await server.warmUp(generator, seconds)
      const share = Math.round((rounds * (start + 1)) / starts) - Math.round((rounds * start) / starts)
      for (let round = 0; round < share; round++) {
        for (const server of shuffled(servers)) {
          slices[server.name]?.push(await server.slice(generator, seconds))
          if (server.name === bare) continue
          const [first, own] = await Promise.all([
            (servers[0] as Server).slice(another, seconds),
            server.slice(generator, seconds),
          ])
          duels[server.name]?.push({ bare: first, own })
        }
      }
    } finally {
      await Promise.all(servers.map((server) => server.stop()))
    }
  }
  return { framework, slices, duels }
}

class Server {
  readonly name: string
  readonly #child: Child
  readonly #port: number

  private constructor(name: string, child: Child, port: number) {
    this.name = name
    this.#child = child
    this.#port = port
  }

  static async start(framework: string, name: string, core: number): Promise<Server> {
    const child = new Child(join(__dirname, 'server.js'), [framework, name], pin(core))
    return new Server(name, child, await child.hear<number>())
  }

  /** The compiler learns from requests, not from time; but there is an end to patience. */
  async warmUp(generator: Generator, seconds: number): Promise<void> {
    for (let slices = 0, requests = 0; requests < 15_000 * seconds && slices < 3; slices++) {
      requests += (await this.slice(generator, seconds)).requests
    }
  }

  async slice(generator: Generator, seconds: number): Promise<Slice> {
    const before = await this.#child.ask<number>()
    const load = await generator.run(this.#port, seconds)
    const cpu = (await this.#child.ask<number>()) - before
    return { requests: load.requests, seconds: load.seconds, cpu }
  }

  stop(): Promise<void> {
    return this.#child.kill()
  }
}
