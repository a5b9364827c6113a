import { describe, expect, test } from 'vitest'
import { hold } from '../src/servers/command-line.js'
import { page } from '../src/servers/page.js'
import { strangers, versionOf } from '../src/servers/servers.js'

/** One sentence that shows how a server ends. `contract:servers` tests all of them. */
const sentence = 'after the signal, a request on a new connection is answered'
/** Long times, so that a server on a busy machine has closed its listener before the client comes. */
const patiently = ['--grace', '30s', '--settle', '6s', '--sentence', sentence]

describe.concurrent('Through the command line', () => {
  for (const stranger of strangers.filter(({ name }) =>
    /^(podrain on node:http|Go, http.Server|Python, http.server)$/.test(name),
  )) {
    const { name } = stranger
    const version = versionOf(stranger)
    test(`${name} ${name.startsWith('podrain') ? 'answers' : 'refuses'} a client that comes after the signal`, async ({
      skip,
    }) => {
      if (version === undefined) skip(`${stranger.version.join(' ')} cannot be run here`)
      const [verdict] = await hold(stranger, patiently)
      if (name.startsWith('podrain')) expect(verdict?.result).toEqual({ outcome: 'kept' })
      else expect(verdict?.result).toMatchObject({ outcome: 'broken' })
    })
  }

  test('the page has the command, the score, and the broken sentences with their reasons', async () => {
    const stranger = strangers.find(({ name }) => name === 'server.close()')
    if (!stranger) throw new Error('there is no server.close()')
    const text = page([stranger], await hold(stranger, patiently), { minutes: 1, date: '2026-01-02' })
    expect(text).toContain('| server.close() | **0 / 1** | 0 / 1 |')
    expect(text).toMatch(
      /- \*\*server\.close\(\)\*\* \(v\d+\..*`--websocket \/socket -- node packages\/peers\/servers\/node\/close\.mjs`/,
    )
    expect(text).toContain(`- ${sentence}. \`connect ECONNREFUSED\``)
  })
})
