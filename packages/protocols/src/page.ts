import { type Phase, phases } from './front.js'
import type { Results, Suite } from './results.js'
import { allowed } from './vectors/index.js'

const all = Object.keys(phases) as Phase[]

const introduction = `# Protocols, while a server drains

For whoever asks whether podrain changes the bytes that a server sends. \`npx -y pnpm@10.34.9 protocols\` writes this page from
[its results](../../packages/protocols/results). Three suites send valid, malformed and unusual input:

- [h2spec](https://github.com/summerwind/h2spec), for HTTP/2, with its strict cases. The server is \`node:http2\`.
- The fuzzing client of the [Autobahn testsuite](https://github.com/crossbario/autobahn-testsuite), for WebSocket: its cases 1 to 7, 9
  and 10. The cases of compression (12 and 13) were not run, because 17 of them took the client more than eight minutes. The server is
  \`ws\` on \`node:http\`.
- podrain's own [test vectors](../../packages/protocols/src/vectors), for HTTP/1.1, HTTP/2 and WebSocket. Some of them try request
  smuggling. Each vector names the section of the standard. \`npx -y pnpm@10.34.9 test\` runs the vectors, too.

**Until a drain tells the client to leave, the server gives every answer that the same server gives without podrain. A drain tells a
client of HTTP/2 to leave by GOAWAY, a client of HTTP/1.1 by \`Connection: close\`, and a WebSocket by a close frame with code 1001. Every
request that the server had accepted is answered. No request stays in flight after its connection has closed.**`

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
    measured(results),
  ]
  return `${parts.join('\n\n')}\n`
}

/** When each suite was measured. */
function measured(results: Readonly<Record<Suite, Results>>): string {
  const suites = Object.entries(results).map(([suite, phases]) => {
    const runs = Object.values(phases).map(({ date, node }) => `on ${date} with Node ${node.slice(1)}`)
    return `${suite} ${[...new Set(runs)].join(' and ')}`
  })
  return `Measured with @podrain/core as it was on that day: ${suites.join(', ')}.`
}

const phaseLine = (phase: Phase): string => `- *${phase}*: ${phases[phase]}.`

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** The number of outcomes of a phase for which `isSo` holds, of all. */
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

- The cases that fail in *bare* fail because of Node. Its HTTP/2 library ignores frames on streams that have closed, where the standard
  asks for an error. The case of PING sends an acknowledgement of a PING that was not sent. It fails because Node ends the connection.
- Some cases fail in *bare* and pass in *told* and *late*. They pass because the connection has closed, which h2spec accepts as an error.
- The case of PRIORITY on a closed stream fails when the connection closes before it. The client has been told to leave by GOAWAY, and its
  only request has been answered.
- The case *DATA on a stream that is not open* (http2/6.1) is a race. It failed in one of five runs of *waiting*, on a busy machine. If the
  response closes the stream before DATA comes, Node ignores DATA, as in http2/5.1 above.`
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

- ${failed.length} cases fail in *bare*: ${failed.map(([name]) => name).join(', ')}. They send a message in more than 16,384
  frames. That is the default limit of \`ws\`, which then closes the connection with code 1008.
- In *told* every case ends with code 1001. Most cases expect an answer first, and so they count as failed. A client that is told to leave
  gets no such answer.
- In *late* the drain tells a connection to leave at its next check, at most 100 ms after the connection opened. A case that ends sooner
  ends as in *bare*.
- The cases 6.4.3 and 6.4.4 are left out of *told* and *late*. Their client replies to the close frame in the middle of a frame of its own.
  So the server takes the reply for payload, and client and server wait for each other. At the end of a drain podrain cuts such a
  connection.`
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

In *told* and *late* each WebSocket gets a close frame with code 1001, and nothing after it. These vectors differ, too:

${table(['a client sends', 'bare', 'told'], leaving)}

The server ignores a request that comes after GOAWAY, be it valid or malformed. GOAWAY names the last stream that the server has accepted,
so the client knows that it may send the request again (RFC 9113 §6.8). The server still decodes the headers of the request, so that it
understands later trailers that refer to them.

In every phase Node ${bare?.node} does what the standards do not allow:

${table(['a client sends', 'Node'], rows)}

- GOAWAY with INTERNAL_ERROR: Node ends the session with that code after any error of the client.
- 400 in place of a 200: if malformed bytes follow a request, the error overtakes the response
  ([nodejs/node#53076](https://github.com/nodejs/node/issues/53076)).
- 200 after two Host headers: Node keeps the first of them ([nodejs/node#3094](https://github.com/nodejs/node/issues/3094)).`
}

/** An outcome in a cell of a table. */
function shown(outcome: string): string {
  return outcome === '' ? 'nothing' : `\`${outcome.length > 80 ? `${outcome.slice(0, 80)}…` : outcome}\``
}

const found = `## What this found

podrain sent a close frame, and the application went on to send frames after it. The WebSocket library sent a second close frame. RFC 6455
§5.5.1 forbids both. Clients ignore such frames. Since then nothing follows podrain's close frame.`

const repeat = `## To repeat it

The vectors need no other program. h2spec is a program in Go, and Autobahn's \`wstest\` runs on Python 2.7:

    npx -y pnpm@10.34.9 protocols --h2spec <path of h2spec> --autobahn <path of wstest>

A suite whose path is not given is not run, and the page keeps its last results.`
