import path from 'node:path'
import { broken, code, table } from '../score/page.js'
import type { Verdict } from '../score/verdict.js'
import { flags, type Stranger, versionOf } from './servers.js'

/** The page about servers that are processes of their own. */
export function page(
  strangers: readonly Stranger[],
  verdicts: readonly Verdict[],
  { minutes, date }: { readonly minutes: number; readonly date: string },
): string {
  const asked = new Set(verdicts.map(({ behaviour }) => behaviour)).size
  return `${[
    '# Servers in several languages',
    `For whoever asks how a server in Go, Python or Node ends. Each server is started with its own command, and held through
[\`@podrain/contract\`](../../packages/contract) to the ${asked} sentences of [the contract](contract.md) that need no code of a server.
Made on ${date} in ${minutes} min, on a machine that did other work beside it, by

\`\`\`sh
npx -y pnpm@10.34.9 contract:servers
\`\`\`

All serve the same paths: an answer at once, one after a wait, one in two parts, 20 MB, and an upload
([packages/peers/servers](../../packages/peers/servers)). The grace period is 5 s in place of Kubernetes’ 30, load balancers take
800 ms in place of 5 s, and the times of each server are to that as its advice is to Kubernetes. What is broken is asked once more,
alone of its server, and counts as broken only if it was broken both times; two servers are held at a time. WebSockets are asked of the servers in Node alone: the others have none
here. Sentences that ask on a new connection when load balancers have had their time are not asked of whoever has closed the listener by
then, so the columns differ in what was asked. One cause can break several sentences: read the reasons before the numbers.`,
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
