/**
 * How much later a server listens if it starts with podrain. The bare server and the others take turns. Each is compared with
 * the bare server of the same round.
 *
 *     node startup.js [--rounds 60]
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { options } from './options.js'
import { shuffled, spread } from './statistics.js'

const listen = "server.listen(0, '127.0.0.1', () => process.exit())"
const bare = `const server = require('node:http').createServer(); ${listen}`
const preload = ['--import', '@podrain/auto']

/** The arguments and the environment of node, by the name of the contender. */
const contenders: Readonly<Record<string, { args: readonly string[]; env?: Readonly<Record<string, string>> }>> = {
  'a bare server': { args: ['-e', bare] },
  'a bare server, again': { args: ['-e', bare] },
  '--import @podrain/auto': { args: [...preload, '-e', bare] },
  '--import @podrain/auto, with a PODRAIN_ variable': {
    args: [...preload, '-e', bare],
    env: { PODRAIN_BEHIND: 'none' },
  },
  'drainServer(server)': {
    args: [
      '-e',
      `const server = require('node:http').createServer(); require('@podrain/core').drainServer(server); ${listen}`,
    ],
  },
}

/** Milliseconds from the start of the process to its exit. The process exits when its server listens. */
async function run({ args, env }: (typeof contenders)[string]): Promise<number> {
  const begun = performance.now()
  const child = spawn(process.execPath, args, {
    cwd: __dirname, // node resolves the packages from this directory
    env: { ...process.env, ...env, NODE_ENV: 'production' },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`node ${args.join(' ')} ended with ${code}`)
  return performance.now() - begun
}

async function main(): Promise<void> {
  const { rounds } = options({ rounds: 60 })
  const taken = Object.fromEntries(Object.keys(contenders).map((name) => [name, [] as number[]]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, contender] of shuffled(Object.entries(contenders))) taken[name]?.push(await run(contender))
  }
  const [first = []] = Object.values(taken)
  console.log('|  | ms later than a bare server (quartiles) |\n|---|--:|')
  for (const [name, times] of Object.entries(taken).slice(1)) {
    const { median, low, high } = spread(times.map((time, round) => time - (first[round] ?? Number.NaN)))
    console.log(`| ${name} | ${median.toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)}) |`)
  }
  console.log(`\n${rounds} rounds, Node ${process.version}; a bare server takes ${spread(first).median.toFixed(0)} ms`)
}

void main()
