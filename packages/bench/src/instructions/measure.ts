import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import autocannon from 'autocannon'
import { Child } from '../child.js'

export interface Plan {
  /** As many are asked for in the first process, and twice as many in the second. */
  readonly requests: number
  /** Each with one request at a time. */
  readonly connections: number
  /** For what valgrind writes. */
  readonly directory: string
}

/** @throws if valgrind is not installed */
export function versionOfValgrind(): string {
  try {
    return execFileSync('valgrind', ['--version'], { encoding: 'utf8' }).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new Error('valgrind counts the instructions, and is not installed. On Debian: apt-get install valgrind')
  }
}

/**
 * Instructions per request, outside the kernel. What it takes to start, to compile and to connect is in both processes, and
 * so not in their difference.
 */
export async function count(framework: string, contender: string, plan: Plan): Promise<number> {
  const { requests } = plan
  const once = await whole(framework, contender, plan)
  const twice = await whole(framework, contender, { ...plan, requests: 2 * requests })
  return (twice - once) / requests
}

/** Instructions of a server's whole life. */
async function whole(framework: string, contender: string, plan: Plan): Promise<number> {
  const { requests, connections, directory } = plan
  const name = `${framework}, ${contender}, ${connections} connections, ${requests} requests`
  const file = join(directory, name.replace(/\W+/g, '-'))
  const log = `${file}.log`
  const counting = ['--tool=cachegrind', '--cache-sim=no', `--cachegrind-out-file=${file}`, `--log-file=${log}`]
  // The compiler writes over its code. One thread, and chances that are no chances: or two processes are less alike.
  const before = ['valgrind', ...counting, '--smc-check=all-non-file']
  const flags = ['--single-threaded', '--random-seed=1', '--hash-seed=1']
  const child = new Child(join(__dirname, '../overhead/server.js'), [framework, contender], before, flags)
  try {
    const url = `http://127.0.0.1:${await child.hear<number>()}/`
    const { errors, non2xx, '2xx': answered } = await autocannon({ url, connections, amount: requests, bailout: 1 })
    if (answered !== requests) throw new Error(`${answered} answered, ${errors} errors, ${non2xx} not 2xx`)
    await child.end()
    const [, sum] = readFileSync(file, 'utf8').match(/^summary: (\d+)/m) ?? []
    if (!sum) throw new Error('nothing counted')
    return Number(sum)
  } catch (error) {
    const said = existsSync(log) ? readFileSync(log, 'utf8') : ''
    throw new Error(`${name}: ${(error as Error).message}\n${said}`, { cause: error })
  } finally {
    await child.kill()
  }
}
