import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export const obstacle = spawnSync('redis-server', ['--version']).error
  ? 'there is no redis-server (Debian: apt-get install redis-server)'
  : undefined

/** Starts a Redis server on a unix socket in a temporary directory. */
export async function redisServer(): Promise<{ path: string; stop(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'podrain-redis-'))
  const path = join(directory, 'redis.sock')
  const memoryOnly = ['--save', '', '--appendonly', 'no']
  const server = spawn('redis-server', ['--port', '0', '--unixsocket', path, '--dir', directory, ...memoryOnly], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = once(server, 'close')
  const lines: string[] = []
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: server.stdout }).on('line', (line) => {
      lines.push(line)
      if (/ready to accept connections/i.test(line)) resolve()
    })
    ended.then(() => reject(new Error(`Redis ended:\n${lines.join('\n')}`)))
  })
  return {
    path,
    async stop() {
      server.kill('SIGKILL')
      await ended
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
