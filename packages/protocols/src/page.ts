import { type Phase, phases } from './front.js'
import type { Results, Suite } from './results.js'
import { allowed } from './vectors/index.js'

const all = Object.keys(phases) as Phase[]

const introduction = `# Protocols, while a server drains

For whoever asks whether podrain changes what a server says on the wire. \`npx -y pnpm@10.34.9 protocols\` writes this page from
[what it measured](../../packages/protocols/results). Three suites send what is right, wrong and unusual:

- [h2spec](https://github.com/summerwind/h2spec), for HTTP/2, with its strict cases. The server is \`node:http2\`.
- The fuzzing client of the [Autobahn testsuite](https://github.com/crossbario/autobahn-testsuite), for WebSocket: its cases 1 to 7, 9
  and 10. Those of compression (12 and 13) were not run: 17 of them took its client more than eight minutes. The server is \`ws\` on \`node:http\`.
- Our own [vectors](../../packages/protocols/src/vectors), for HTTP/1.1 (request smuggling among them), HTTP/2 and WebSocket. Each names the
  section of the standard. They also run in every \`test\`.

**A server that serves, or drains and has not yet told the client to leave, gives every answer that the same server gives without
podrain. A client that is told to leave gets GOAWAY, \`Connection: close\` or the close frame 1001, as its protocol has it, and every
request that was taken is answered. No request stays in flight after its connection has closed.**`

/** docs/proof/protocols.md */
export function page(results: Readonly<Record<Suite, Results>>): string {
  const parts = [
    introduction,
    ['Each connection of a suite gets a new server, in one of these phases:', '', ...all.map(phaseLine)].join('\n'),
    summary(results),
    http2(results.h2spec),
    webSocket(results.autobahn),
    vectors(results.vectors),
    found,
    repeat,
  ]
  return `${parts.join('\n\n')}\n`
}

const phaseLine = (phase: Phase): string => `- *${phase}*: ${phases[phase]}.`

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** How many outcomes of a phase are so. */
function count(results: Results, phase: Phase, isSo: (outcome: string, name: string) => boolean): string {
  const result = results[phase]
  if (!result) return '–'
  const outcomes = Object.entries(result.outcomes)
  return `${outcomes.filter(([name, outcome]) => isSo(outcome, name)).length} / ${outcomes.length}`
}

function summary({ h2spec, autobahn, vectors }: Readonly<Record<Suite, Results>>): string {
  const row = (title: string, cell: (phase: Phase) => string): string[] => [title, ...all.map(cell)]
  const same = (results: Results, phase: Phase): string =>
    count(results, phase, (outcome, name) => outcome === results.bare?.outcomes[name])
  const left = (phase: Phase): string =>
    String([h2spec, autobahn, vectors].reduce((sum, results) => sum + (results[phase]?.leftInFlight ?? 0), 0))
  return table(
    ['', ...all],
    [
      row('h2spec: passed', (phase) => count(h2spec, phase, (outcome) => outcome === 'passed')),
      row('h2spec: as *bare*', (phase) => same(h2spec, phase)),
      row('Autobahn: not failed', (phase) => count(autobahn, phase, (outcome) => !outcome.startsWith('failed'))),
      row('Autobahn: as *bare*', (phase) => same(autobahn, phase)),
      row('Autobahn: closed in order', (phase) => count(autobahn, phase, (outcome) => outcome.endsWith(', clean'))),
      row('vectors: allowed', (phase) => count(vectors, phase, (outcome, name) => allowed(name, outcome, phase))),
      row('vectors: as *bare*', (phase) => same(vectors, phase)),
      row('requests left in flight', left),
    ],
  )
}

function http2(results: Results): string {
  const names = Object.keys(results.bare?.outcomes ?? {}).filter((name) =>
    all.some((phase) => results[phase]?.outcomes[name] === 'failed'),
  )
  const rows = names.map((name) => [name, ...all.map((phase) => results[phase]?.outcomes[name] ?? '–')])
  return `## h2spec: every case that fails somewhere

${table(['case', ...all], rows)}

- What fails in *bare* is Node's: its HTTP/2 library ignores frames on streams that have closed, where the standard asks for an error. The
  case of PING sends an answer that nobody asked for, and fails because Node ends the connection.
- Cases that fail in *bare* and pass in *told* and *late* pass because the connection has closed, which h2spec takes for an error.
- PRIORITY on a closed stream fails when the connection has closed first. The client was told to leave with GOAWAY, and its only request
  was answered.
- *DATA on a stream that is not open* (http2/6.1) is a race: it failed in one of five runs of *waiting*, on a busy machine. When the
  response has closed the stream before DATA comes, Node ignores DATA, as in http2/5.1 above.`
}

function webSocket(results: Results): string {
  const failed = Object.entries(results.bare?.outcomes ?? {}).filter(([, outcome]) => outcome.startsWith('failed'))
  const rows = all.map((phase) => {
    const outcomes = Object.values(results[phase]?.outcomes ?? {})
    const with1001 = outcomes.filter((outcome) => outcome.includes('closed with 1001')).length
    return [
      phase,
      String(outcomes.length),
      String(with1001),
      String(outcomes.filter((o) => !o.endsWith(', clean')).length),
    ]
  })
  return `## Autobahn: how connections ended

${table(['phase', 'cases', 'closed with 1001', 'not closed in order'], rows)}

- ${failed.length} cases fail in *bare*: ${failed.map(([name]) => name).join(', ')}. They send a message in more parts than \`ws\` takes
  (16,384 by default), which it closes with 1008.
- In *told* every case is closed with 1001. Most expect to be answered first, and so they “fail”; that is what being told to leave means.
- In *late* a connection is told at the drain's next check, at most 100 ms after it opened. Cases that are over by then end as in *bare*.
- 6.4.3 and 6.4.4 are left out of *told* and *late*. Their client answers the close frame in the middle of a frame of its own, so the
  server takes the answer for payload, and both wait. At the end of a drain such a connection is cut.`
}

function vectors(results: Results): string {
  const { bare, told } = results
  const entries = Object.entries(bare?.outcomes ?? {})
  const rows = entries
    .filter(([name, outcome]) => !allowed(name, outcome, 'bare'))
    .map(([name, outcome]) => [name, shown(outcome)])
  const leaving = entries
    .filter(([name, outcome]) => !name.startsWith('RFC 6455') && told?.outcomes[name] !== outcome)
    .map(([name, outcome]) => [name, shown(outcome), shown(told?.outcomes[name] ?? '–')])
  return `## Vectors

What differs in *told*, and in *late*, besides that each WebSocket gets the close frame 1001 and nothing behind it:

${table(['a client sends', 'bare', 'told'], leaving)}

A request that comes behind GOAWAY is ignored, right or wrong. GOAWAY names the last stream that was seen, so the client knows that it may
send the request again (RFC 9113 §6.8). Its headers are still decoded: later trailers that refer to them are understood.

What Node ${bare?.node} does in every phase, and the standards do not allow:

${table(['a client sends', 'Node'], rows)}

- GOAWAY with INTERNAL_ERROR: Node ends the session with that code after an error of the client, whatever the error was.
- 400 in place of a 200: an error in what follows a request overtakes its response
  ([nodejs/node#53076](https://github.com/nodejs/node/issues/53076)).
- Node keeps the first of two Hosts ([nodejs/node#3094](https://github.com/nodejs/node/issues/3094)).`
}

/** An outcome in a cell. */
function shown(outcome: string): string {
  return outcome === '' ? 'nothing' : `\`${outcome.length > 80 ? `${outcome.slice(0, 80)}…` : outcome}\``
}

const found = `## What this found

podrain sent the close frame, and the application's frames went on behind it, the second close frame of its library among them. RFC 6455
§5.5.1 forbids that. Clients ignore such frames. Now nothing follows the close frame.`

const repeat = `## To repeat it

The vectors need nothing. h2spec is one Go program, and Autobahn's \`wstest\` runs on Python 2.7:

    npx -y pnpm@10.34.9 protocols --h2spec <path of h2spec> --autobahn <path of wstest>

Each is run if it is given; of the other the page keeps what was measured before.`
