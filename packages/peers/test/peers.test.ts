import { strict as assert } from 'node:assert'
import type { Result } from '@podrain/contract'
import { describe, expect, test } from 'vitest'
import { rooms } from '../src/behaviours/index.js'
import { look } from '../src/score/look.js'
import { page } from '../src/score/page.js'
import { type Case, casesOf, type Verdict } from '../src/score/verdict.js'
import { type Peer, peers } from '../src/subjects/peers.js'

const kept: Result = { outcome: 'kept' }
const notAsked: Result = { outcome: 'not asked', why: 'no TLS' }
const broken = (why: string): Result => ({ outcome: 'broken', why })

const peer: Peer = {
  name: 'gentle',
  packages: [],
  wired: 'As its README says.',
  leftOut: 'node:http2: no.',
  subjects: [],
}
const behaviours = Object.fromEntries(['answers', 'waits', 'encrypts'].map((name) => [name, { name } as never]))
const room = { name: 'Endings' }
const run = { seconds: 61, node: 'v20.0.0', date: '2026-01-02', options: ['--only', 'gentle'] }

function made(server: string, behaviour: string, result: Result, again?: Result): Verdict {
  const one = { peer, subject: { name: `gentle on ${server}` } as never, room: room as never, result }
  return { ...one, behaviour: behaviours[behaviour] as never, ...(again && { again }) }
}

/** The lines of a section of the page. */
function section(verdicts: readonly Verdict[], title: string): string[] {
  const [, after = ''] = page(verdicts, run).split(`## ${title}\n`)
  const [text = ''] = after.split('\n## ')
  return text.split('\n').filter((line) => line !== '')
}

describe('The page of the score', () => {
  test('counts the kept sentences of those that apply, for each row and each room', () => {
    const verdicts = [
      made('http', 'answers', kept),
      made('http', 'waits', broken('it hangs'), broken('it hangs')),
      made('http', 'encrypts', notAsked),
    ]
    expect(section(verdicts, 'What is kept')).toEqual([
      '|  | kept | Endings |',
      '| --- | ---: | ---: |',
      '| gentle on http | **1 / 2** | 1 / 2 |',
    ])
  })

  test('has the reason of each broken sentence, and the servers if not all break it', () => {
    const everywhere = ['http', 'https'].map((server) => made(server, 'answers', broken('no'), broken('no')))
    expect(section(everywhere, 'What each breaks').at(-1)).toBe('- answers. `no`')

    const half = [made('http', 'answers', kept), made('https', 'answers', broken('no'), broken('no'))]
    expect(section(half, 'What each breaks').at(-1)).toBe('- answers. https: `no`')
  })

  test('counts a sentence as kept that is kept in the second run, and names it', () => {
    const verdicts = [made('http', 'answers', broken('too late'), kept)]
    expect(section(verdicts, 'What is kept').at(-1)).toBe('| gentle on http | **1 / 1** | 1 / 1 |')
    expect(section(verdicts, 'What each breaks').at(-1)).toBe('Nothing.')
    expect(section(verdicts, 'What was not broken twice')).toEqual([
      '- gentle on http: “answers”: `too late`, then kept',
    ])
  })

  test('lists each reason why sentences do not apply once, with the numbers of sentences and rows', () => {
    const verdicts = ['http', 'http2'].map((server) => made(server, 'encrypts', notAsked))
    expect(section(verdicts, 'What is not tested, and why')).toEqual(['- no TLS: 1 sentence, 2 rows'])
  })

  test('has its command, how each library is set up, and the servers that a library is not tested on', () => {
    const text = page([made('http', 'answers', kept)], run)
    expect(text).toContain('Measured on 2026-01-02 with Node v20.0.0')
    expect(text).toContain('contract:peers --only gentle\n')
    expect(text).toContain('- **gentle** (Node’s own): As its README says. Not run on node:http2: no.')
  })

  test('is the same for the same verdicts, with the versions that are installed', () => {
    const verdicts = casesOf(peers).map((one): Verdict => ({ ...one, result: kept }))
    expect(page(verdicts, run)).toBe(page(verdicts, run))
    expect(page(verdicts, run)).toMatch(/- \*\*http-terminator\*\* \(http-terminator \d+\.\d+\.\d+\)/)
  })
})

describe.concurrent('A result of a child process', () => {
  const sentence = 'after the signal, a request on a new connection is answered'

  test('is broken, with the reason, for a server that just closes', async () => {
    expect(await look(one('server.close() on node:http', sentence))).toEqual(broken('connect ECONNREFUSED'))
  })

  test('is kept for a server with podrain', async () => {
    expect(await look(one('podrain on node:http', sentence))).toEqual(kept)
  })

  test('is broken, with the error, when the process fails', async () => {
    const unknown = { ...one('podrain on node:http', sentence), behaviour: { name: 'flies' } as never }
    const { outcome, why } = (await look(unknown)) as { outcome: string; why: string }
    expect([outcome, why]).toEqual(['broken', 'no row “podrain on node:http” with “flies”'])
  })
})

test('No two sentences are equal', () => {
  const sentences = rooms.flatMap(({ behaviours }) => behaviours.map(({ name }) => name))
  expect(sentences.filter((sentence, index) => sentences.indexOf(sentence) !== index)).toEqual([])
})

test('Every peer is tested for the same sentences as podrain on the same server', () => {
  const asked = (row: string) =>
    casesOf(peers).filter(({ subject, behaviour }) => {
      return subject.name === row && behaviour.needs.every((need) => subject.has.includes(need))
    }).length
  for (const { name } of peers.flatMap(({ subjects }) => subjects)) {
    const ours = `podrain on ${name.split(' on ').at(-1)}`
    expect(asked(name), name).toBe(asked(ours))
  }
})

describe('A selection of rows', () => {
  const rows = (...only: string[]) => [...new Set(casesOf(peers, only).map(({ subject }) => subject.name))]

  test('has the rows whose names contain one of the texts, in the order of the table', () => {
    expect(rows('http-shutdown', 'stoppable on node:https')).toEqual([
      'stoppable on node:https',
      'http-shutdown on node:http',
      'http-shutdown on node:https',
    ])
    expect(rows('podrain on Fastify 5 (http2, allowHTTP1)')).toHaveLength(1)
  })

  test('is refused for a text that matches no row or no sentence', () => {
    expect(() => rows('stoppable', 'unstoppable')).toThrow(
      /^Expected a part of one of these rows, got “unstoppable”:\npodrain on/,
    )
    expect(() => casesOf(peers, ['stoppable'], 'flies')).toThrow('one of these sentences, got “flies”')
  })
})

function one(row: string, sentence: string): Case {
  const found = casesOf(peers).find(({ subject, behaviour }) => subject.name === row && behaviour.name === sentence)
  assert(found, `${row}: ${sentence}`)
  return found
}
