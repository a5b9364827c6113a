import path from 'node:path'
import { broken, code, table } from '../score/page.js'
import type { Verdict } from '../score/verdict.js'
import { flags, type Stranger, versionOf } from './servers.js'

/** The page about servers in several languages. */
export function page(
  strangers: readonly Stranger[],
  verdicts: readonly Verdict[],
  { minutes, date }: { readonly minutes: number; readonly date: string },
): string {
  const asked = new Set(verdicts.map(({ behaviour }) => behaviour)).size
  return `${[
    '# Servers in several languages',
    `For whoever asks how a server in Go, Python or Node ends. Each server is started with its own command.
[\`@podrain/contract\`](../../packages/contract) tests the sentences of [the contract](contract.md) that can be tested from outside of the
process, by the paths that the server has: ${asked} sentences over all rows. Measured on ${date} in ${minutes} min by

\`\`\`sh
npx -y pnpm@10.34.9 contract:servers
\`\`\`

All servers have the same paths: a response at once, a response after a wait, a response in two parts, a response of 20 MB, and an upload
([packages/peers/servers](../../packages/peers/servers)). The grace period is 5 s in place of Kubernetes’ 30 s. Load balancers take
800 ms in place of 5 s. The times of each server are scaled alike. Three servers are tested at the same time. A sentence that fails is
tested once more, with no other test of that server beside it. The sentence counts as broken only if both tests fail.

Not every server is tested for the same sentences. Only the servers in Node with HTTP/1 have a WebSocket. A sentence about a new connection
after the wait for load balancers is not tested on a server that has closed its listener by then. One cause can break several sentences. So
read the reasons before the numbers.`,
    '## What is kept',
    table(verdicts),
    '## How each is run',
    strangers.map(wiring).join('\n'),
    `Each command has \`${flags.join(' ')}\` before this.`,
    '## What each breaks',
    ...broken(verdicts),
  ].join('\n\n')}\n`
}

function fromHere(word: string): string {
  return word.replace(path.join(__dirname, '../..'), 'packages/peers')
}

function wiring(stranger: Stranger): string {
  const { name, wired, command, flags = [], build } = stranger
  const built = build ? `, built by ${code(build('{built}').map(fromHere).join(' '))}` : ''
  return `- **${name}** (${versionOf(stranger)}): ${wired} ${code([...flags, '--', ...command.map(fromHere)].join(' '))}${built}`
}
