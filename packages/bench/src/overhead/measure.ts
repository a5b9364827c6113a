import { join } from 'node:path'
import { Child, pin } from '../child.js'
import { shuffled } from '../statistics.js'
import { bare, contendersOf } from './contenders.js'
import type { Generator } from './load.js'

/** What one server did in one duel. */
export interface Slice {
  readonly requests: number
  readonly seconds: number
  /** Processor time of the server, in microseconds. */
  readonly cpu: number
}

/** Two servers measured at the same time on one processor, so that the rest of the machine disturbs both alike. */
export interface Duel {
  readonly bare: Slice
  readonly own: Slice
}

/** The contenders of one framework, each measured beside its own bare server. */
export interface Race {
  readonly framework: string
  readonly duels: Readonly<Record<string, readonly Duel[]>>
}

export interface Plan {
  /** Duels of each contender. */
  readonly rounds: number
  /** How often both servers are started anew. Memory layout and compiled code differ from process to process. */
  readonly starts: number
  /** The length of one duel. */
  readonly seconds: number
}

/**
 * Measures all contenders of a framework. A server that has served more requests is faster, so both servers of a duel are started,
 * warmed up and measured together.
 * @param core The number of the processor that both servers are pinned to.
 */
export async function race(
  framework: string,
  generators: readonly [Generator, Generator],
  core: number,
  { rounds, starts, seconds }: Plan,
): Promise<Race> {
  const contenders = contendersOf(framework)
  const duels: Record<string, Duel[]> = Object.fromEntries(contenders.map((name) => [name, []]))
  for (let start = 0; start < starts; start++) {
    const share = Math.round((rounds * (start + 1)) / starts) - Math.round((rounds * start) / starts)
    for (const name of shuffled(contenders)) {
      // Both are started together. On Node 20, a Fastify server that waits for its first request stays slower.
      const servers = await Promise.all([Server.start(framework, bare, core), Server.start(framework, name, core)])
      const duel = async (): Promise<Duel> => {
        const slices = servers.map((server, index) => server.slice(generators[index] as Generator, seconds))
        const [first, own] = (await Promise.all(slices)) as [Slice, Slice]
        return { bare: first, own }
      }
      try {
        // V8 optimizes after a number of requests, not after a time. The warm-up ends after three duels in any case.
        for (let slices = 0, requests = 0; requests < 15_000 * seconds && slices < 3; slices++) {
          const { own } = await duel()
          requests += own.requests
        }
        for (let round = 0; round < share; round++) duels[name]?.push(await duel())
      } finally {
        await Promise.all(servers.map((server) => server.stop()))
      }
    }
  }
  return { framework, duels }
}

class Server {
  readonly #child: Child
  readonly #port: number

  private constructor(child: Child, port: number) {
    this.#child = child
    this.#port = port
  }

  static async start(framework: string, name: string, core: number): Promise<Server> {
    const child = new Child(join(__dirname, 'server.js'), [framework, name], pin(core))
    return new Server(child, await child.receive<number>())
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
