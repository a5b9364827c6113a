import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const installed = '/usr/lib/postgresql'

/** The directory of the newest PostgreSQL that Debian's packages have installed; undefined if there is none. */
function programs(): string | undefined {
  if (!existsSync(installed)) return undefined
  const [newest] = readdirSync(installed)
    .map(Number)
    .sort((a, b) => b - a)
  const bin = join(installed, String(newest), 'bin')
  return existsSync(join(bin, 'postgres')) ? bin : undefined
}

export const obstacle = programs() ? undefined : `there is no PostgreSQL in ${installed}`

/** Starts a PostgreSQL server on a unix socket in a temporary directory. */
export async function postgres(): Promise<{ path: string; log: readonly string[]; stop(): Promise<void> }> {
  const bin = programs()
  if (bin === undefined) throw new Error(obstacle)
  const directory = mkdtempSync(join(tmpdir(), 'podrain-postgres-'))
  // PostgreSQL refuses to run as root.
  const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  if (nobody.uid) chownSync(directory, nobody.uid, nobody.gid)
  const data = join(directory, 'data')
  const options = { ...nobody, cwd: directory }
  await promisify(execFile)(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync'], options)
  const settings = [
    `unix_socket_directories=${directory}`,
    'listen_addresses=',
    'fsync=off',
    'log_disconnections=on',
    'log_line_prefix=%a ', // the application name
  ]
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...settings.flatMap((setting) => ['-c', setting])], {
    ...options,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const log: string[] = []
  const ended = once(server, 'close')
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: server.stderr }).on('line', (line) => {
      log.push(line)
      if (/ready to accept connections/.test(line)) resolve()
    })
    ended.then(() => reject(new Error(`PostgreSQL ended:\n${log.join('\n')}`)))
  })
  return {
    path: join(directory, '.s.PGSQL.5432'),
    log,
    async stop() {
      server.kill('SIGQUIT')
      await ended
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
