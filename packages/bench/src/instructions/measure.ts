import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import autocannon from 'autocannon'
import { Child } from '../child.js'

export interface Plan {
  /** As many are asked for in the first process, and twice as many in the second. */
  readonly requests: number
  /** Each with one request at a time. */
  readonly connections: number
}

/** The version of valgrind. @throws if it is not installed */
export function valgrind(): string {
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
export async function count(framework: string, contender: string, { requests, connections }: Plan): Promise<number> {
  const once = await whole(framework, contender, { requests, connections })
  const twice = await whole(framework, contender, { requests: 2 * requests, connections })
  return (twice - once) / requests
}

/** Instructions of a server's whole life. */
async function whole(framework: string, contender: string, { requests, connections }: Plan): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'podrain-instructions-'))
  const file = join(directory, 'cachegrind.out')
  const log = join(directory, 'log')
  const counting = ['--tool=cachegrind', '--cache-sim=no', `--cachegrind-out-file=${file}`, `--log-file=${log}`]
  // The compiler writes over its code. One thread, and chances that are no chances: or no two processes are alike.
  const before = ['valgrind', ...counting, '--smc-check=all-non-file']
  const flags = ['--single-threaded', '--random-seed=1', '--hash-seed=1']
  const child = new Child(join(__dirname, '../overhead/server.js'), [framework, contender], before, flags)
  try {
    const url = `http://127.0.0.1:${await child.hear<number>()}/`
    const { errors, non2xx, '2xx': answered } = await autocannon({ url, connections, amount: requests })
    if (answered !== requests)
      throw new Error(`${answered} of ${requests} answered, ${errors} errors, ${non2xx} not 2xx`)
    await child.end()
    const [, sum] = readFileSync(file, 'utf8').match(/^summary: (\d+)/m) ?? []
    if (!sum) throw new Error(`valgrind has counted nothing:\n${readFileSync(log, 'utf8')}`)
    return Number(sum)
  } finally {
    await child.kill()
    rmSync(directory, { recursive: true })
  }
}
