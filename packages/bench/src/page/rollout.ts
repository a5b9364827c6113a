import type { ClientKind } from '@podrain/rehearsal'
import { load } from '../results.js'
import type { RolloutResult } from '../rollout/measure.js'
import { fixed, origin, type Section, table } from './section.js'

/** The kinds of client in the table, and their names on the page. */
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

/** The requests that a rolling update loses, by contender and by kind of client. */
export const rollout: Section = (directories) => {
  const result = load<readonly RolloutResult[]>('rollout', directories)
  if (!result) return undefined
  const ours = result.data.filter(({ name }) => name.startsWith('podrain'))
  const sum = (of: (result: RolloutResult) => number): number => ours.reduce((total, each) => total + of(each), 0)
  const text = `## bench:rollout: what a rolling update loses

The rehearsal runs a rolling update of the same application with each shutdown library: 3 pods, a grace period of 30 s, and endpoints
that change as late as behind kube-proxy. On Linux, as root, each pod has its own network namespace, which ends with the pod. The clients
are the same for every library: requests of 20 ms on keep-alive and on new connections, streams of 3 s, uploads, downloads of 20 MB at
5 MB/s, WebSockets and event streams. Each library is set up as its own README advises for Kubernetes. A library without a delay of its
own gets a preStop hook that sleeps for 5 s. Event streams are ended after that delay.

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

How each library is set up:

${result.data.map(({ name, advised }) => `- ${name}: ${advised}`).join('\n')}

A single rolling update shows little: a library that rarely loses a request loses none in some runs.
The longest time for which the rehearsal itself was held up was ${Math.max(...result.data.map(({ heldUpMs }) => heldUpMs))} ms.

${origin(result)}`
  return { text, pictures: {} }
}

function strong(lost: number): string {
  return lost === 0 ? '0' : `**${fixed(lost)}**`
}
