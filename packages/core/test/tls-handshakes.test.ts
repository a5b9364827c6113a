import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { expect, test, vi } from 'vitest'
import { TlsHandshakes } from '../src/http/tls-handshakes.js'

const ends = { remoteAddress: '10.0.0.1', localAddress: '10.0.0.2', localPort: 8443 }
const from = (remotePort: number): Socket & TLSSocket =>
  Object.assign(new EventEmitter(), { ...ends, remotePort, destroy: vi.fn() }) as never

test('each client is waited for from the beginning of its own handshake, even if another client ends one', () => {
  const handshakes = new TlsHandshakes()
  const [slow, quick] = [from(40_001), from(40_002)]
  expect(handshakes.active).toBe(false)
  handshakes.begin(slow, 1000)
  handshakes.begin(quick, 1500)
  expect(handshakes.heldUntil(100)).toBe(1600)
  expect(handshakes.finish(from(40_002))).toBe(true)
  expect([handshakes.active, handshakes.heldUntil(100)]).toEqual([true, 1100])
  slow.emit('close')
  expect([handshakes.active, handshakes.heldUntil(100)]).toEqual([false, Number.NEGATIVE_INFINITY])
})

test('a handshake whose beginning was not seen does not remove another one', () => {
  const handshakes = new TlsHandshakes()
  handshakes.begin(from(40_001), 1000)
  expect(handshakes.finish(from(40_002))).toBe(false)
  expect(handshakes.active).toBe(true)
})

test('destroy() closes all connections, during their handshake or after it', () => {
  const handshakes = new TlsHandshakes()
  const [slow, quick, gone] = [from(40_001), from(40_002), from(40_003)]
  for (const socket of [slow, quick, gone]) handshakes.begin(socket, 0)
  handshakes.finish(from(40_002))
  gone.emit('close')
  handshakes.destroy()
  expect([slow, quick, gone].map(({ destroy }) => vi.mocked(destroy).mock.calls.length)).toEqual([1, 1, 0])
})

test('clients of a unix socket, which have no addresses, are each waited for', () => {
  const handshakes = new TlsHandshakes()
  const nobody = (): Socket & TLSSocket => Object.assign(new EventEmitter(), { destroy: vi.fn() }) as never
  for (const begun of [1000, 2000, 3000]) handshakes.begin(nobody(), begun)
  expect(handshakes.finish(nobody())).toBe(true)
  expect(handshakes.heldUntil(100)).toBe(3100)
  handshakes.finish(nobody())
  expect(handshakes.active).toBe(true)
  handshakes.finish(nobody())
  expect(handshakes.active).toBe(false)
})
