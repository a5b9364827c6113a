import { expect, test, vi } from 'vitest'
import { EarlyStop } from '../src/termination/early-stop.js'
import { FakeClock } from './support.js'

/** A draining server that does not wait for load balancers. A request is represented by the time of its arrival. */
function start() {
  const clock = new FakeClock()
  const requests: number[] = []
  const stop = vi.fn()
  const traffic = {
    get inFlight() {
      return requests.length
    },
    lastArrival: 0,
    open: vi.fn(() =>
      [...requests]
        .sort((a, b) => a - b)
        .map((since) => ({ method: 'GET', path: '/', ageMs: Math.round(clock.now() - since) })),
    ),
  }
  const arrive = (): void => {
    requests.push(clock.now())
    traffic.lastArrival = clock.now()
  }
  const early = new EarlyStop({ clock, traffic, stop })
  return { clock, early, traffic, stop, arrive, answer: () => void requests.shift() }
}

test('a server stops accepting when no request is in flight, and only once', () => {
  const { early, clock, stop } = start()
  early.check()
  expect(stop).not.toHaveBeenCalled() // it waits for load balancers
  early.begin()
  early.check()
  expect(stop).toHaveBeenCalledOnce()
  clock.advance(200)
  early.check()
  expect(stop).toHaveBeenCalledOnce()
})

test('a server accepts connections while a request is in flight that is older than the drain', () => {
  const { early, clock, traffic, stop, arrive, answer } = start()
  arrive()
  clock.advance(50)
  early.begin()
  clock.advance(200)
  early.check()
  expect(traffic.open).not.toHaveBeenCalled() // nothing has arrived since, so the requests need not be looked through
  arrive()
  early.check()
  expect(traffic.open).toHaveBeenCalledOnce()
  expect(stop).not.toHaveBeenCalled()
  answer()
  clock.advance(50)
  early.check()
  expect(traffic.open).toHaveBeenCalledOnce() // too soon to look again
  clock.advance(50)
  early.check()
  expect(stop).toHaveBeenCalledOnce()
})

test('a request that arrives in the same millisecond as the drain begins counts as older', () => {
  const { early, clock, traffic, stop, arrive } = start()
  early.begin()
  arrive()
  early.check()
  expect(traffic.open).toHaveBeenCalledOnce()
  expect(stop).not.toHaveBeenCalled()
  clock.advance(200)
  early.begin() // again changes nothing
  arrive()
  early.check()
  expect(stop).not.toHaveBeenCalled()
})
