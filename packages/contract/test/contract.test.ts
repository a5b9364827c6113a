import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { generate } from 'selfsigned'
import { describe, expect, test, vi } from 'vitest'
import { rooms } from '../src/behaviours/index.js'
import { fixture, holdTo, killed, program, quickly, start } from './command.js'

const slow = ['--slow', '/slow?ms={ms}']
const inFlight = 'a request in flight at the signal gets its complete response'

describe.concurrent('A server', () => {
  test('that keeps every tested sentence has the full score and the exit code 0', async () => {
    const { code, kept, of, sentences } = await holdTo('a request in flight', 'keeps', slow)
    const broken = sentences.filter(({ outcome }: { outcome: string }) => outcome !== 'kept')
    expect({ code, broken, kept, of }).toEqual({ code: 0, broken: [], kept: 2, of: 2 })
  })

  test('that cuts a request in flight breaks a sentence, with what the client saw and the remedy', async () => {
    expect(await holdTo(inFlight, 'cuts', slow)).toMatchObject({
      code: 1,
      kept: 0,
      of: 1,
      sentences: [{ outcome: 'broken', saw: 'socket hang up', remedy: expect.stringMatching(/^Do not exit before/) }],
    })
  })

  test('that never ends is killed, which breaks the sentence', async () => {
    expect(await holdTo('without connections', 'never ends', killed)).toMatchObject({
      code: 1,
      sentences: [{ outcome: 'broken', saw: 'the exit code: 137 (SIGKILL) in place of 0' }],
    })
  })

  test('that exits because of a request is not a server: the exit code is 2', async () => {
    // The first look requests the slow path, and the server exits.
    const { code, errors } = await holdTo(inFlight, 'dies', slow)
    expect([code, errors]).toEqual([2, expect.stringMatching(/^error: It ended with exit code 3 when it was asked/)])
  })

  test('that ends by the signal when all is done, as the JVM does, has ended in order', async () => {
    expect(await holdTo('without connections', 'ends by the signal')).toMatchObject({ code: 0, kept: 1 })
  })

  test('that goes on behind its first process has not ended, and nothing of it is left behind', async () => {
    const { PIDS, pids } = noted()
    const score = await holdTo('without connections', 'goes on as a daemon', [], { PIDS })
    expect(score).toMatchObject({
      code: 1,
      sentences: [
        {
          saw: 'its first process ended with exit code 0, and another goes on to listen: the signal has to reach the server, as with `exec`',
        },
      ],
    })
    expect(pids().length).toBeGreaterThanOrEqual(6) // a first look, and two runs, each with a daemon
    await vi.waitUntil(() => !pids().some(isThere), { timeout: 60_000 })
  })

  test('whose helper has left its group and dropped its environment leaves nothing behind', async ({ skip }) => {
    skip(process.platform !== 'linux', 'finds the helper in /proc')
    const { PIDS, pids } = noted()
    expect(await holdTo('without connections', 'forgets its helper', [], { PIDS })).toMatchObject({ code: 0 })
    expect(pids().length).toBeGreaterThanOrEqual(4) // a first look, and a run, each with a helper
    await vi.waitUntil(() => !pids().some(isThere), { timeout: 60_000 })
  })

  test('that ends by another signal than SIGTERM gets that one, and the texts say it', async () => {
    const args = ['--signal', 'SIGQUIT']
    const env = { SIGNAL: 'SIGQUIT' }
    const [kept, broken] = await Promise.all([
      holdTo(inFlight, 'keeps', [...slow, ...args], env),
      holdTo('after the signal, a request on a new connection', 'cuts', args, env),
    ])
    expect(kept).toMatchObject({ code: 0, signal: 'SIGQUIT', kept: 1 })
    expect(broken).toMatchObject({ code: 1, sentences: [{ remedy: expect.stringMatching(/^After SIGQUIT keep/) }] })
  })

  test('that resets its connections in the middle of an answer is told so', async () => {
    expect(await holdTo(inFlight, 'resets', slow)).toMatchObject({
      code: 1,
      sentences: [{ outcome: 'broken', saw: expect.stringMatching(/ECONNRESET|aborted/) }],
    })
  })

  test('that dies at the signal has not cut at the deadline what never ends', async () => {
    expect(await holdTo('is cut at the deadline', 'dies at the signal', ['--stream', '/slow?ms={ms}'])).toMatchObject({
      code: 1,
      sentences: [{ outcome: 'broken', saw: 'cut long before the deadline' }],
    })
  })

  test('that does not start is not a server: the exit code is 2, and the end of its output is shown', async () => {
    const { code, errors } = await holdTo(inFlight, 'fails')
    expect(code).toBe(2)
    expect(errors).toMatch(
      /^error: It ended with exit code 1 before it listened on port \d+ of 127\.0\.0\.1\..* It said:\n[\s\S]*no database/,
    )
  })

  test('that writes 3 MB to /dev/stderr for each request is tested as any other', async () => {
    expect(await holdTo('after the signal, a request on a new connection', 'writes much')).toMatchObject({
      code: 0,
      kept: 1,
    })
  })

  test('that never listens is not a server: the exit code is 2', async () => {
    const { code, errors } = await holdTo(inFlight, 'never starts', ['--startup-timeout', '500ms'])
    expect([code, errors]).toEqual([
      2,
      expect.stringMatching(/^error: It did not listen on port \d+ of 127\.0\.0\.1 within 0\.5 s/),
    ])
  })

  test.each([
    ['keeps', 'is answered'],
    ['keeps over h2c', 'without connections'],
    ['keeps over TLS', 'without connections'],
  ])('that %s, and wants a host and a key, gets them with every request', async (way, sentence) => {
    const headers = ['--header', 'Host: shop.example', '--header', 'X-Key: a: b']
    const HEADERS = JSON.stringify({ host: 'shop.example', 'x-key': 'a: b' })
    const env = { HEADERS, ...(way === 'keeps over TLS' && (await secrets())) }
    const { code, sentences } = await holdTo(sentence, way, headers, env)
    expect(sentences.filter(({ outcome }: { outcome: string }) => outcome !== 'kept')).toEqual([])
    expect(code).toBe(0)
  })

  test.each([
    ['keeps over h2c', ['http2']],
    ['keeps over TLS', ['tls', 'http1', 'http2']],
  ])('that %s is detected', async (way, speaks) => {
    const { KEY, CERT } = await secrets()
    const score = await holdTo('without connections', way, [], { KEY, CERT })
    expect(score).toMatchObject({ code: 0, speaks: [...speaks].sort((a, b) => order(a) - order(b)), kept: 1 })
  })
})

async function secrets() {
  const { private: KEY, cert: CERT } = await generate([{ name: 'commonName', value: 'pod' }], {})
  return { KEY, CERT }
}

function order(protocol: string): number {
  return ['tls', 'http1', 'http2'].indexOf(protocol)
}

describe.concurrent('A sentence that cannot be tested', () => {
  test('is not counted, and is listed with the flag that it needs', async () => {
    const args = [...quickly, '--sentence', 'the signal', '--', 'node', fixture, 'keeps']
    const { code, out } = await start(args).ran
    expect(code).toBe(0)
    expect(out).toMatch(/- \d+ sentences?: no path that takes its time; --slow names one/)
    expect(out).toMatch(/- \d+ sentences?: no path that streams; --stream names one/)
    const [, kept, of] = /kept (\d+) of (\d+) sentences that were asked; the signal was SIGTERM\n$/.exec(out) ?? []
    expect([kept, Number(kept) > 3]).toEqual([of, true])
  })

  test.each([
    ['that closes each connection is not asked about kept ones', 'on an idle connection', 'closes each connection'],
    ['that keeps few connections is not asked to keep many', 'five hundred', 'keeps few connections'],
    ['that answers every path is not asked for its 404', 'in order', 'answers every path'],
  ])('of a server %s', async (_, sentence, way) => {
    const { code, out } = await start([...quickly, '--sentence', sentence, '--json', '-', '--', 'node', fixture, way])
      .ran
    expect(code).toBe(2)
    expect(JSON.parse(out)).toMatchObject({ kept: 0, of: 0 })
  })

  test('because of what the server did is listed with what the server did', async () => {
    const { sentences } = await holdTo(
      'during the drain, the server closes the connection after a response',
      'cuts',
      slow,
    )
    expect(sentences).toMatchObject([{ outcome: 'not asked', saw: expect.stringMatching(/^the listener is closed/) }])
  })
})

test('A server for which no sentence can be tested has no score: the exit code is 2', async () => {
  const { code, errors } = await holdTo(inFlight, 'keeps')
  expect([code, errors]).toEqual([2, expect.stringContaining('Nothing could be asked')])
})

describe.concurrent('The command line', () => {
  test.each<[string, string[], RegExp]>([
    ['no command', [], /the command comes after `--`: podrain-contract -- node server\.js/],
    ['a command without `--`', ['node', 'app.js'], /after `--`: podrain-contract -- node app\.js/],
    [
      'a path without a slash',
      ['--get', 'orders', '--', 'node'],
      /'--get <path>' argument 'orders' is invalid. It takes a path/,
    ],
    ['a slow path that takes no time', ['--slow', '/slow', '--', 'node'], /It takes a path with \{ms\} in it/],
    [
      'a grace period that is too short',
      ['--grace', '10s', '--', 'node'],
      /--grace 10s is too short for --settle 5s: a request in flight takes up to 11s here, and a server is to end within 7s/,
    ],
    [
      'a hook that sleeps longer than load balancers need',
      ['--sleep', '8s', '--', 'node'],
      /--sleep 8s is longer than --settle 5s: .* Use --settle 8s/,
    ],
    [
      'an unknown signal',
      ['--signal', 'QUIT', '--', 'node'],
      /'QUIT' is invalid. Allowed choices are SIGTERM, SIGINT, SIGQ/,
    ],
    [
      'a header that frames a request',
      ['--header', 'Content-Length: 3', '--', 'node'],
      /'--header <name:value>' argument 'Content-Length: 3' is invalid\. The contract writes Content-Length itself/,
    ],
    ['a time without a unit', ['--grace', '30', '--', 'node'], /It takes a duration such as 500ms or 30s/],
    [
      'a path that is not there',
      ['--get', '/no', '--', 'node', fixture, 'keeps'],
      /--get takes a path that is answered: \/no gave 404/,
    ],
    [
      'an answer that is not big',
      ['--big', '/', '--', 'node', fixture, 'keeps'],
      /--big takes a path that gives at least 8388608 bytes: \/ gave 5/,
    ],
    [
      'a slow path that answers at once',
      ['--slow', '/?ms={ms}', '--', 'node', fixture, 'keeps'],
      /--slow takes a path that takes as long as \{ms\} says: \/\?ms=\{ms\} took \d+ ms with 1000/,
    ],
    [
      'a path without a WebSocket',
      ['--websocket', '/', '--', 'node', fixture, 'keeps'],
      /--websocket takes a path that accepts a WebSocket: \/ gave Unexpected server response: 200/,
    ],
    [
      'a hook that is not there',
      ['--prestop', '/no', '--', 'node', fixture, 'keeps'],
      /--prestop takes a path that is answered: \/no gave 404/,
    ],
    [
      'a file that cannot be written',
      ['--json', '/nowhere/score.json', '--', 'node', fixture, 'keeps'],
      /^error: ENOENT: .*'\/nowhere\/score\.json'\n$/,
    ],
    [
      'a text that no sentence contains',
      ['--sentence', 'flies', '--', 'node', fixture, 'keeps'],
      /--sentence takes a part of a sentence, got “flies”/,
    ],
  ])('says what is wrong with %s, and has the exit code 2', async (_, args, error) => {
    const { code, errors } = await start(args).ran
    expect([code, errors]).toEqual([2, expect.stringMatching(error)])
  })

  const writing = [
    ['--help'],
    ['--json', '-', ...quickly, '--sentence', 'without connections', '--', 'node', fixture, 'keeps'],
  ]

  test.each(writing)('has its exit code, and says nothing, where nobody reads its output: %s', async (...args) => {
    const { child, ran } = start(args)
    child.stdout.destroy()
    expect(await ran).toMatchObject({ code: 0, errors: '' })
  })

  test.for(writing)('has the exit code 2 where a full disk loses its output: %s', async (args, { skip }) => {
    skip(!existsSync('/dev/full'), 'needs /dev/full')
    const ran = promisify(execFile)('sh', ['-c', 'exec "$0" "$@" >/dev/full', process.execPath, program, ...args])
    const stderr = 'error: stdout was not written: ENOSPC: no space left on device, write\n'
    await expect(ran).rejects.toMatchObject({ code: 2, stderr })
  })

  test('does not take another server for the one that it starts', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { code, errors } = await start(['--port', String(port), '--', 'node', fixture, 'keeps']).ran
    other.close()
    expect([code, errors]).toEqual([2, `error: Something else listens on port ${port}: end it first\n`])
  })

  test('kills all processes that a server has started', async () => {
    const { PIDS, pids } = noted()
    const args = [...quickly, ...killed, '--sentence', 'without connections', '--', 'node', fixture, 'never ends']
    await start(args, { PIDS }).ran
    expect(pids().length).toBeGreaterThanOrEqual(4) // a first look, and two runs, each with a child
    expect(pids().filter(isThere)).toEqual([])
  })

  test('kills all servers when it is interrupted, and ends by the signal', async () => {
    const { PIDS, pids } = noted()
    const { child, ran } = start(['--grace', '60s', '--', 'node', fixture, 'never ends'], { PIDS })
    await vi.waitUntil(() => pids().length > 8, { timeout: 60_000 })
    child.kill('SIGTERM')
    await ran
    expect(child.signalCode).toBe('SIGTERM')
    await vi.waitUntil(() => !pids().some(isThere), { timeout: 60_000 })
  })
})

test('Every sentence has a remedy', () => {
  for (const { remedy, name } of rooms.flatMap(({ behaviours }) => behaviours)) expect(remedy, name).toMatch(/\.$/)
})

/** A file to which the servers write their process ids. */
function noted() {
  const PIDS = path.join(mkdtempSync(path.join(tmpdir(), 'podrain-')), 'pids')
  const pids = (): number[] => {
    try {
      return readFileSync(PIDS, 'utf8').trim().split('\n').map(Number)
    } catch {
      return []
    }
  }
  return { PIDS, pids }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}
