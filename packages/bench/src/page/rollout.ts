import type { ClientKind } from '@podrain/rehearsal'
import { load } from '../results.js'
import type { RolloutResult } from '../rollout/measure.js'
import { fixed, origin, type Section, table } from './section.js'

/** The kinds of client in the table, and what a reader calls them. */
const words: Readonly<Partial<Record<ClientKind, string>>> = {
  keepAlive: 'keep-alive',
  newConnection: 'new connection',
  slowKeepAlive: 'slow keep-alive',
  streaming: 'stream',
  post: 'upload',
  slowReader: 'slow reader of 20 MB',
  webSocket: 'WebSocket',
  sse: 'event stream',
  http2: 'HTTP/2',
  grpc: 'gRPC',
}

/** What a rolling update loses, by contender and by kind of client. */
export const rollout: Section = (directories) => {
  const result = load<readonly RolloutResult[]>('rollout', directories)
  if (!result) return undefined
  const ours = result.data.filter(({ name }) => name.startsWith('podrain'))
  const sum = (of: (result: RolloutResult) => number): number => ours.reduce((total, each) => total + of(each), 0)
  const text = `## bench:rollout: what a rolling update loses

The rehearsal rolls the same application over with each way to end it: 3 pods, a grace period of 30 s, endpoints that change as late
as behind kube-proxy, a network of its own for each pod that goes with it (where Linux and root allow), and the same clients for
everybody: requests of 20 ms on kept and on new connections, streams of 3 s, uploads, downloads of 20 MB at 5 MB/s, WebSockets, event
streams. Each is set up as its own README advises for Kubernetes, with a sleep of 5 s in preStop where it has no delay of its own, and
ends its event streams when load balancers have had their time.

**podrain lost ${fixed(sum(({ lost }) => lost))} of ${fixed(sum(({ requests }) => requests))} requests** in ${sum(({ rollouts }) => rollouts)} rolling updates.

${table(
  ['', 'hook', 'rollouts', 'requests', 'lost', 'per million', 'old pods gone after, at most', 'exits'],
  result.data.map((each) => [
    each.name,
    each.hook,
    fixed(each.rollouts),
    fixed(each.requests),
    strong(each.lost),
    fixed((each.lost / each.requests) * 1_000_000),
    `${fixed(each.goneAfterMs / 1000, 1)} s`,
    Object.entries(each.exits)
      .map(([how, times]) => `${times} × ${how}`)
      .join(', '),
  ]),
)}

Lost, by kind of client:

${table(
  ['', ...Object.values(words)],
  result.data.map(({ name, requestsByClient, lostByClient }) => [
    name,
    ...Object.keys(words).map((kind) =>
      requestsByClient[kind] ? `${strong(lostByClient[kind] ?? 0)} of ${fixed(requestsByClient[kind])}` : '',
    ),
  ]),
)}

How each is set up:

${result.data.map(({ name, advised }) => `- ${name}: ${advised}`).join('\n')}

A single rolling update is one throw of the dice: whether a contender that loses little loses anything differs from run to run.
The longest time in which the rehearsal itself could do nothing was ${Math.max(...result.data.map(({ heldUpMs }) => heldUpMs))} ms.

${origin(result)}`
  return { text, pictures: {} }
}

function strong(lost: number): string {
  return lost === 0 ? '0' : `**${fixed(lost)}**`
}
