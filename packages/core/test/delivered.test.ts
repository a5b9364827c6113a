import { closeSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { FakeClock, turns } from './support.js'

// The kernel's tables are fake here. undelivered.test.ts reads the real ones.
let kernel = async (_path: string): Promise<string[]> => []
/** Whether the process may see its own sockets. */
let sees: boolean

beforeEach(() => {
  vi.resetModules()
  sees = true
  vi.doMock('node:fs', async (load) => ({
    ...(await load<object>()),
    readdirSync(path: string) {
      if (!sees) throw new Error('EACCES: permission denied')
      return readdirSync(path)
    },
    createReadStream: (path: string) =>
      Readable.from(
        (async function* () {
          yield* await kernel(path)
        })(),
      ),
  }))
  onTestFinished(() => {
    vi.doUnmock('node:fs')
    vi.resetModules() // what was loaded with it
  })
})

const ipv4: AddressInfo = { address: '0.0.0.0', family: 'IPv4', port: 8080 }
const ipv6: AddressInfo = { address: '::', family: 'IPv6', port: 8080 }

const table = (bytes: number): string =>
  `  sl  local_address\n   0: 0100007F:1F90 0100007F:D2F4 01 ${bytes.toString(16).toUpperCase().padStart(8, '0')}:00000000 01:00000014\n`

/** Sets the content of the kernel's tables. Returns the paths that were read. */
function tables(say: (path: string) => string | undefined): string[] {
  const read: string[] = []
  kernel = async (path) => {
    read.push(path)
    const text = say(path)
    if (text === undefined) throw new Error('no such file')
    return [text]
  }
  return read
}

async function wait(addresses: AddressInfo[], left: () => number, clock = new FakeClock()) {
  const { delivered } = await import('../src/termination/kernel-queues.js')
  const wait = { bytes: undefined as number | undefined, clock, over: Promise.resolve(0) }
  wait.over = delivered(clock, addresses, left).then((bytes) => {
    wait.bytes = bytes
    return bytes
  })
  await turns(6)
  return wait
}

describe('before the exit', () => {
  test('no table is read if no server has listened', async () => {
    const read = tables(() => table(5))
    expect((await wait([], () => 1000)).bytes).toBe(0)
    expect(read).toEqual([])
  })

  test('the table of each address family is read once', async () => {
    const read = tables(() => table(0))
    expect((await wait([ipv4, { ...ipv4, port: 8081 }], () => 1000)).bytes).toBe(0)
    expect((await wait([ipv6], () => 1000)).bytes).toBe(0)
    expect((await wait([ipv4, ipv6], () => 1000)).bytes).toBe(0)
    expect(read).toEqual(['/proc/net/tcp', '/proc/net/tcp6', '/proc/net/tcp', '/proc/net/tcp6'])
  })

  test('the process waits for the bytes of all tables, even if one table is missing', async () => {
    tables((path) => (path.endsWith('6') ? undefined : table(7)))
    const { bytes, clock, over } = await wait([ipv4, ipv6], () => 0)
    expect(bytes).toBe(7)
    expect(await over).toBe(7)
    tables((path) => table(path.endsWith('6') ? 30 : 7))
    expect((await wait([ipv4, ipv6], () => 0, clock)).bytes).toBe(37)
  })

  test('a table that comes in pieces is counted completely, wherever it is cut', async () => {
    const text = `${table(7)}${table(30)}`
    for (let cut = 0; cut <= text.length; cut++) {
      kernel = async () => [text.slice(0, cut), text.slice(cut)]
      const course = await wait([ipv4], () => 0)
      expect(await course.over, `cut at ${cut}`).toBe(37)
    }
  })

  test('the table is read again every 20 ms, until it shows no bytes', async () => {
    let held = 3
    const read = tables(() => table(held))
    const course = await wait([ipv4], () => 1000)
    course.clock.advance(19)
    await turns(6)
    expect(read).toHaveLength(1)
    course.clock.advance(1)
    await turns(6)
    expect(read).toHaveLength(2)
    expect(course.bytes).toBeUndefined()
    held = 0
    course.clock.advance(20)
    await turns(6)
    expect(course.bytes).toBe(0)
  })

  test('a table that takes long to read is read rarely', async () => {
    const clock = new FakeClock()
    const read = tables(() => {
      clock.advance(10)
      return table(1)
    })
    const course = await wait([ipv4], () => 1000, clock)
    clock.advance(89)
    await turns(6)
    expect(read).toHaveLength(1)
    clock.advance(1)
    await turns(6)
    expect(read).toHaveLength(2)
    expect(course.bytes).toBeUndefined()
  })

  test('the bytes that are left when the time is over are returned', async () => {
    tables(() => table(12))
    const clock = new FakeClock()
    const end = clock.now() + 50
    const course = await wait([ipv4], () => end - clock.now(), clock)
    for (let step = 0; step < 5; step++) {
      clock.advance(10)
      await turns(6)
    }
    expect(course.bytes).toBe(12)
  })

  test.each([
    ['a moment', 1000, 250],
    ['what is left, where that is less,', 100, 100],
  ])('%s is waited for if the kernel has no table', async (_name, left, ms) => {
    tables(() => undefined)
    const course = await wait([ipv4], () => left)
    course.clock.advance(ms - 1)
    await turns(6)
    expect(course.bytes).toBeUndefined()
    course.clock.advance(1)
    await turns(6)
    expect(course.bytes).toBe(0)
  })
})

describe('where another process has the same port', () => {
  const here: AddressInfo = { address: '127.0.0.1', family: 'IPv4', port: 8080 }
  /** A line of the table, by default for 127.0.0.1 and a socket without a process. */
  const line = ({ local = '0100007F', remote = 'D2F4', state = '04', bytes = 9, inode = 0, uid = 0 }): string =>
    `   0: ${local}:1F90 0100007F:${remote} ${state} ${bytes.toString(16).toUpperCase().padStart(8, '0')}:00000000 00:00000000 00000000 ${uid} 0 ${inode} 1\n`
  /** The inode of a socket of another process. */
  const inode = 2 ** 40
  const listener = (local: string): string => line({ local, remote: '0000', state: '0A', bytes: 3, inode })

  async function waitFor(text: string, addresses = [here]) {
    tables(() => text)
    return wait(addresses, () => 100_000)
  }

  const unclear = (bytes: number): string =>
    `another process listens on the same port, so ${bytes} bytes that clients have not taken may be that process's: ` +
    'podrain does not wait for them any longer'

  /** The result, which comes after two seconds, not before. A FIN counts as one byte. */
  async function givenUp({ left, until }: { left?: () => number; until?: () => void } = {}) {
    const { delivered } = await import('../src/termination/kernel-queues.js')
    const [clock, said] = [new FakeClock(), [] as string[]]
    let bytes: number | undefined
    const over = delivered(clock, [here], left ?? (() => 100_000), (message) => said.push(message)).then((count) => {
      bytes = count
    })
    await turns(6)
    for (let passed = 0; passed < 2000; passed += 20) {
      expect(bytes).toBeUndefined()
      clock.advance(20)
      await turns(6)
    }
    if (until) {
      until()
      await clock.through(over)
    }
    return { bytes, said }
  }

  test.each([
    ['on another address of this machine', line({ local: '0200007F' })],
    ['on the same address, and the socket is its', line({ inode, state: '01' })],
  ])('%s, nothing of it is waited for', async (_where, text) => {
    expect((await waitFor(text)).bytes).toBe(0)
  })

  test('cannot be recognised, because the process may not read its own descriptors: all bytes of the port are waited for', async () => {
    sees = false
    expect((await waitFor(line({ inode, state: '01' }))).bytes).toBeUndefined()
  })

  test('on a specific address, and ours listens on all: its bytes are not waited for', async () => {
    expect((await waitFor(listener('0200007F') + line({ local: '0200007F' }), [ipv4])).bytes).toBe(0)
  })

  test('bytes of a socket without a process are waited for if no other process listens there', async () => {
    const text = listener('0200007F') + line({})
    expect((await waitFor(text)).bytes).toBeUndefined()
    expect((await waitFor(text, [ipv4])).bytes).toBeUndefined()
  })

  test.each([
    ['the same address', '0100007F'],
    ['all addresses', '00000000'],
  ])(
    'bytes of a socket without a process are waited for up to 2 s if another process listens on %s, and the log says so',
    async (_where, local) => {
      tables(() => listener(local) + line({}))
      expect(await givenUp()).toEqual({ bytes: 0, said: [unclear(8)] })
    },
  )

  test('the same holds for bytes of an open socket, if the process may not read its own descriptors', async () => {
    sees = false
    tables(() => listener('0100007F') + line({ inode, state: '01' }))
    expect(await givenUp()).toEqual({ bytes: 0, said: [unclear(9)] })
  })

  test('bytes of a socket that is known to be ours have no such limit', async () => {
    const own = await ownInode()
    tables(() => listener('0100007F') + line({}) + line({ inode: own, state: '01', remote: 'D2F6', bytes: 4 }))
    let left = 100_000
    const until = (): void => {
      left = 0
    }
    expect(await givenUp({ left: () => left, until })).toEqual({ bytes: 4, said: [unclear(8)] })
  })

  test('bytes of open sockets are assigned to their process, whatever else is closed', async () => {
    const own = await ownInode()
    const text = (inode: number): string => line({}) + line({ inode, state: '01', remote: 'D2F6', bytes: 4 })
    tables(() => text(own))
    expect((await wait([here], () => 0)).bytes).toBe(12)
    tables(() => text(inode))
    expect((await wait([here], () => 0)).bytes).toBe(8)
  })

  test('a file with a name like a socket’s is not a socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'podrain-'))
    const file = openSync(join(folder, `socket:[${inode}]`), 'w')
    onTestFinished(() => {
      closeSync(file)
      rmSync(folder, { recursive: true })
    })
    expect((await waitFor(line({ inode, state: '01' }))).bytes).toBe(0)
  })

  test('connections that appear later are not ours, because this process accepts no more', async () => {
    let text = line({})
    tables(() => listener('0100007F') + text)
    const course = await wait([here], () => 100_000)
    expect(course.bytes).toBeUndefined()
    text = line({ remote: 'D2F6' })
    course.clock.advance(20)
    await turns(6)
    expect(course.bytes).toBe(0)
  })

  test.each([
    ['version', '#1 SMP Sun Jan 10 15:06:54 PST 2016'],
    ['release', '4.19.0-gvisor'],
  ] as const)('a kernel that shows no queues is given a moment, as one that says nothing (%s)', async (name, said) => {
    const { default: os } = await import('node:os')
    vi.spyOn(os, name).mockReturnValue(said)
    const course = await waitFor(line({ bytes: 0 }))
    course.clock.advance(249)
    await turns(6)
    expect(course.bytes).toBeUndefined()
    course.clock.advance(1)
    await turns(6)
    expect(course.bytes).toBe(0)
  })
})

/** The inode of a socket of this process. */
async function ownInode(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`)) ?? []
      if (inode !== undefined) return Number(inode)
    } catch {
      // The descriptor was closed since it was listed.
    }
  }
  throw new Error('this process has no socket')
}

describe('bytes that can only be ours are waited for as long as there is time:', () => {
  const here: AddressInfo = { address: '127.0.0.1', family: 'IPv4', port: 8080 }
  const line = (local: string, state: string, uid: number, inode: number): string =>
    `   0: ${local}:1F90 0100007F:D2F4 ${state} 00000009:00000000 00:00000000 00000000 ${uid} 0 ${inode} 1\n`
  const foreign = 2 ** 40

  test.each<[string, (own: number) => string, AddressInfo?]>([
    ['of a socket that is closed', () => line('0100007F', '04', 0, 0)],
    ['of a socket that is open yet', (own) => line('0100007F', '01', 0, own)],
    [
      'of a socket that is open yet, though another process listens on the same address',
      (own) => line('0100007F', '0A', 0, foreign) + line('0100007F', '01', 0, own),
    ],
    [
      'of a socket that is closed, though another process listens on another address',
      () => line('0200007F', '0A', 0, foreign) + line('0100007F', '04', 0, 0),
    ],
    [
      'of a socket that is closed, where we listen on all addresses, though another process listens on another one',
      () => line('0200007F', '0A', 0, foreign) + line('0100007F', '04', 0, 0),
      ipv4,
    ],
    [
      'of a socket that is closed, where we listen ourselves',
      (own) => line('0100007F', '0A', 0, own) + line('0100007F', '04', 0, 0),
    ],
  ])('%s', async (_what, text, address = here) => {
    const own = await ownInode()
    tables(() => text(own))
    const course = await wait([address], () => 100_000)
    for (let passed = 0; passed < 5000; passed += 20) {
      course.clock.advance(20)
      await turns(2)
    }
    expect(course.bytes).toBeUndefined()
    tables(() => '')
    await course.clock.through(course.over)
    expect(course.bytes).toBe(0)
  })

  test('but not bytes of a socket that a process of another user has closed', async () => {
    vi.spyOn(process, 'getuid').mockReturnValue(1000)
    for (const [uid, bytes] of [
      [1000, undefined],
      [1001, 0],
      [0, undefined], // as older kernels write the line
    ] as const) {
      tables(() => line('0100007F', '04', uid, 0))
      expect((await wait([here], () => 100_000)).bytes).toBe(bytes)
    }
  })
})
