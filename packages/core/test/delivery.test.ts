import { describe, expect, test } from 'vitest'
import { localAddressOf, queuesOf } from '../src/termination/socket-table.js'

/** The bytes in the table for connections to these ports, or to one address. */
function sendQueue(table: string, ports: readonly number[], address?: string): number {
  const wanted = new Map(ports.map((port) => [port, [localAddressOf(address)]]))
  return queuesOf(table, wanted).reduce((sum, { listens, bytes }) => sum + (listens ? 0 : bytes), 0)
}

const header =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     '

/** 8080 is 1F90. */
const ipv4 = [
  header,
  '   0: 00000000:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 20405 1 0000000000000000 100 0 0 10 0                     ',
  '   1: 0100007F:1F90 0100007F:D2F4 01 00000100:00000000 01:00000014 00000000  1000        0 21234 2 0000000000000000 20 4 30 10 -1                    ',
  '   2: 0100007F:1F90 0100007F:D2F6 04 00000001:00000000 01:00000014 00000000     0        0 0 2 0000000000000000 20 4 30 10 -1                        ',
  '   3: 0100007F:D2F4 0100007F:1F90 01 00000FFF:00000100 00:00000000 00000000  1000        0 21235 1 0000000000000000 20 4 30 10 -1                    ',
  '   4: 0100007F:1F91 0100007F:D2F8 01 00FFFFFF:00000000 01:00000014 00000000  1000        0 21236 2 0000000000000000 20 4 30 10 -1                    ',
  '   5: 0100007F:1F90 0100007F:D2FA 06 00000000:00000000 03:000002DA 00000000     0        0 0 3 0000000000000000                                      ',
  '',
].join('\n')

const ipv6 = [
  header.replace('rem_address  ', 'remote_address'),
  '   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000007:00000000 00:00000000 00000000  1000        0 20406 1 0000000000000000 100 0 0 10 0',
  '   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:A0B2 01 0027AC40:00000000 01:00000015 00000000  1000        0 20407 2 0000000000000000 20 4 30 10 -1',
  '   2: 0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000100007F:A0B4 01 00000010:00000000 01:00000015 00000000  1000        0 20408 2 0000000000000000 20 4 30 10 -1',
  '',
].join('\n')

describe('the send queue, as /proc/net shows it,', () => {
  test('counts bytes of our connections, not of listening sockets, clients or other ports', () => {
    expect(sendQueue(ipv4, [8080])).toBe(0x100)
  })

  test('is read from the table of IPv6, too', () => {
    expect(sendQueue(ipv6, [8080])).toBe(0x27ac40)
  })

  test('is summed over several ports', () => {
    expect(sendQueue(ipv6, [8080, 80])).toBe(0x27ac40 + 0x10)
    expect(sendQueue(ipv4, [8080, 8081])).toBe(0x100 + 0xffffff)
  })

  test('does not count a FIN that a vanished client never acknowledges, but what is queued before it', () => {
    const closing = (state: string, queued: string) =>
      `${header}\n   0: 0100007F:1F90 0100007F:D2F6 ${state} ${queued}:00000000 01:00000014 00000000     0        0 0 2`
    for (const state of ['04', '09', '0B']) {
      expect(sendQueue(closing(state, '00000001'), [8080])).toBe(0)
      expect(sendQueue(closing(state, '00000101'), [8080])).toBe(0x100)
    }
  })

  test('is empty for an unused port, and for a table without lines', () => {
    expect(sendQueue(ipv4, [9])).toBe(0)
    expect(sendQueue(ipv4, [])).toBe(0)
    expect(sendQueue(header, [8080])).toBe(0)
    expect(sendQueue('', [8080])).toBe(0)
  })

  test.each([
    ['0.0.0.0', 0x100],
    ['127.0.0.1', 0x100],
    ['127.0.0.2', 0],
    ['::ffff:127.0.0.1', 0x100],
  ])('is that of a server on %s: %d', (address, bytes) => {
    expect(sendQueue(ipv4, [8080], address)).toBe(bytes)
  })

  test.each([
    ['::', 0x27ac40],
    ['127.0.0.1', 0x27ac40],
    ['::1', 0],
  ])('over IPv6 is that of a server on %s: %d', (address, bytes) => {
    expect(sendQueue(ipv6, [8080], address)).toBe(bytes)
  })
})

test('a socket that listens on another address of the port is ignored, and one that listens on all addresses is found', () => {
  const listener = (address: string) =>
    `${header}\n   0: ${address}:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 20405 1`
  const found = (address: string) => queuesOf(listener(address), new Map([[8080, [localAddressOf('127.0.0.1')]]]))
  expect(found('0100007F')).toMatchObject([{ listens: true, inode: 20405 }])
  expect(found('00000000')).toMatchObject([{ listens: true, local: '*' }])
  expect(found('0200400A')).toEqual([])
})

test.each([
  ['::1', '00000000000000000000000001000000'],
  ['fe80::1%eth0', '000080FE000000000000000001000000'],
  ['2001:db8::ff00:42:8329', 'B80D01200000000000FF000029834200'],
  ['::', '*'],
  ['0.0.0.0', '*'],
  ['10.64.0.2', '0200400A'],
  [undefined, '*'],
  ['no address', '*'],
])('the table writes the address %s as %s', (address, written) => {
  expect(localAddressOf(address)).toBe(written)
})
