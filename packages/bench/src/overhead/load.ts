import { execFile, execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Child, pin } from '../child.js'

/** Connections, each with one request at a time. */
export const connections = 32

export interface Load {
  readonly requests: number
  readonly seconds: number
}

/** A load generator, pinned to its own processor where that is possible. */
export interface Generator {
  readonly name: string
  /**
   * Sends requests for some seconds, each connection one request after the other.
   * @throws {Error} if a request fails
   */
  run(port: number, seconds: number): Promise<Load>
  stop(): Promise<void>
}

/**
 * Creates a load generator.
 * @param name `wrk` or `autocannon`. If empty, wrk where it is installed, because it needs less processor time than the servers;
 * otherwise autocannon.
 */
export function createGenerator(name: string, core: number): Generator {
  const found = name === '' ? (isInstalled('wrk') ? 'wrk' : 'autocannon') : name
  if (found === 'wrk') return wrk(core)
  if (found === 'autocannon') return autocannon(core)
  throw new Error(`Expected --generator to be wrk or autocannon, got ${name}`)
}

function isInstalled(command: string): boolean {
  try {
    execFileSync(command, ['-v'], { stdio: 'ignore' })
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT' // `wrk -v` prints its version and exits with 1
  }
}

function wrk(core: number): Generator {
  const [command = 'wrk', ...before] = [...pin(core), 'wrk']
  return {
    name: 'wrk',
    async run(port, seconds) {
      const args = ['-t1', `-c${connections}`, `-d${Math.ceil(seconds)}s`, `http://127.0.0.1:${port}/`]
      const { stdout } = await promisify(execFile)(command, [...before, ...args])
      if (/Socket errors|Non-2xx/.test(stdout)) throw new Error(`Requests failed:\n${stdout}`)
      const [, requests, took] = stdout.match(/(\d+) requests in ([\d.]+)s/) ?? []
      if (!requests || !took) throw new Error(`wrk has printed no number of requests:\n${stdout}`)
      return { requests: Number(requests), seconds: Number(took) }
    },
    stop: async () => {},
  }
}

function autocannon(core: number): Generator {
  const child = new Child(join(__dirname, 'autocannon.js'), [], pin(core))
  return {
    name: 'autocannon',
    async run(port, seconds) {
      const answer = await child.ask<Load & { failed: number }>({ port, seconds, connections })
      if (answer.failed > 0) throw new Error(`${answer.failed} requests failed`)
      return answer
    },
    stop: () => child.kill(),
  }
}
