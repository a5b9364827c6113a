import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import autocannon from 'autocannon'
import { Child } from '../child.js'

export interface Plan {
  /** Requests sent to the first process. The second process gets twice as many. */
  readonly requests: number
  /** Connections, each with one request at a time. */
  readonly connections: number
  /** The directory for the files of valgrind. */
  readonly directory: string
}

/** @throws {Error} if valgrind is not installed */
export function versionOfValgrind(): string {
  try {
    return execFileSync('valgrind', ['--version'], { encoding: 'utf8' }).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new Error('valgrind counts the instructions, and is not installed. On Debian: apt-get install valgrind')
  }
}

/**
 * Instructions per request, without those of the kernel. Both processes start, compile and connect, so these instructions are not
 * in the difference.
 * @throws {Error} if a request was not answered
 */
export async function count(framework: string, contender: string, plan: Plan): Promise<number> {
  const { requests } = plan
  const once = await countProcess(framework, contender, plan)
  const twice = await countProcess(framework, contender, { ...plan, requests: 2 * requests })
  return (twice - once) / requests
}

/** Instructions of a server's process from its start to its exit. */
async function countProcess(framework: string, contender: string, plan: Plan): Promise<number> {
  const { requests, connections, directory } = plan
  const name = `${framework}, ${contender}, ${connections} connections, ${requests} requests`
  const file = join(directory, name.replace(/\W+/g, '-'))
  const log = `${file}.log`
  const counting = ['--tool=cachegrind', '--cache-sim=no', `--cachegrind-out-file=${file}`, `--log-file=${log}`]
  // V8 overwrites code that it has compiled, which valgrind sees only with `--smc-check`. One thread and fixed seeds make the two
  // processes alike.
  const before = ['valgrind', ...counting, '--smc-check=all-non-file']
  const flags = ['--single-threaded', '--random-seed=1', '--hash-seed=1']
  const child = new Child(join(__dirname, '../overhead/server.js'), [framework, contender], before, flags)
  try {
    const url = `http://127.0.0.1:${await child.receive<number>()}/`
    const { errors, non2xx, '2xx': answered } = await autocannon({ url, connections, amount: requests, bailout: 1 })
    if (answered !== requests) throw new Error(`${answered} answered, ${errors} errors, ${non2xx} not 2xx`)
    await child.end()
    const [, sum] = readFileSync(file, 'utf8').match(/^summary: (\d+)/m) ?? []
    if (!sum) throw new Error(`cachegrind wrote no summary to ${file}`)
    return Number(sum)
  } catch (error) {
    const said = existsSync(log) ? readFileSync(log, 'utf8') : ''
    throw new Error(`${name}: ${(error as Error).message}\n${said}`, { cause: error })
  } finally {
    await child.kill()
  }
}
