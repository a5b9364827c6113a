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
[\`@podrain/contract\`](../../packages/contract) holds it to those sentences of [the contract](contract.md) that need no code of the
server and that its paths make possible: ${asked} over all rows. Made on ${date} in ${minutes} min, by

\`\`\`sh
npx -y pnpm@10.34.9 contract:servers
\`\`\`

All serve the same paths: an answer at once, one after a wait, one in two parts, 20 MB, and an upload
([packages/peers/servers](../../packages/peers/servers)). The grace period is 5 s in place of Kubernetes’ 30 s, load balancers take
800 ms in place of 5 s, and the times of each server are scaled alike. Three servers are held at a time. What is broken is asked once
more, with no other sentence about that server beside it, and counts as broken only if it was broken both times.

The rows differ in what is asked. WebSockets are asked of servers on HTTP/1 in Node alone: the others have none here. A sentence that
asks on a new connection when load balancers have had their time is not asked of a server that has closed its listener by then. One
cause can break several sentences: read the reasons before the numbers.`,
    '## What is kept',
    table(verdicts),
    '## How each is run',
    strangers.map(wiring).join('\n'),
    `Each with \`${flags.join(' ')}\` before it.`,
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
