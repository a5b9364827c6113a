import { describe, expect, test, vi } from 'vitest'
import { namedLogger } from '../src/shared/log.js'
import { Budget } from '../src/termination/budget.js'
import { SettleWait } from '../src/termination/settle.js'
import { Tasks } from '../src/termination/tasks.js'
import { FakeClock } from './support.js'

/** A wait with fake connections, and its calls of the drain, with the milliseconds since the beginning. */
function waiting({ min = 0, quiet = 0, max = 0, progress = false as number | false } = {}) {
  const clock = new FakeClock()
  const begun = clock.now()
  const told: string[] = []
  const tell = (what: string) => vi.fn(() => void told.push(`${what} ${clock.now() - begun}`))
  const clients = {
    lastArrival: 0,
    lastRequest: undefined as { method: string; path: string; agent: string | undefined } | undefined,
    inFlight: 0,
    hurry: vi.fn(),
    survey: vi.fn((_now: number) => ({ busy: 0, heldUntil: 0, held: 0 })),
  }
  const budget = new Budget(clock, 29_000, 5000, 0, 1000)
  const options = {
    onOver: tell('over'),
    onLastCall: tell('last call'),
    onChecked: tell('checked'),
    onExpired: tell('expired'),
    onProgress: tell('progress'),
    onFailure: vi.fn(),
  }
  const wait = new SettleWait({
    clock,
    clients,
    tasks: new Tasks(clock, namedLogger(false), 1000, () => {}),
    times: { min, quiet, max },
    progress,
    endpoints: () => undefined,
    ...options,
  })
  const check = (committed = true, balancers = true): void => {
    options.onOver.mockImplementation(() => {
      told.push(`over ${clock.now() - begun}`)
      if (committed) wait.stop()
    })
    wait.begin()
    wait.check(budget, committed, balancers)
  }
  return { clock, clients, budget, told, options, wait, check }
}

describe('the wait', () => {
  test('is over at the first check after `min`, with checks every 100 ms', () => {
    const { clock, told, check } = waiting({ min: 250 })
    check()
    clock.advance(1000)
    expect(told).toEqual(['checked 0', 'checked 100', 'checked 200', 'over 300'])
  })

  test('without load balancers is over as soon as nothing is in flight, and is checked more often', () => {
    const { clock, clients, told, check } = waiting({ min: 250 })
    clients.survey.mockReturnValueOnce({ busy: 1, heldUntil: 0, held: 0 })
    clients.survey.mockReturnValueOnce({ busy: 1, heldUntil: 0, held: 0 })
    check(true, false)
    clock.advance(1000)
    expect(told).toEqual(['checked 0', 'checked 20', 'over 40'])
  })

  test('is not over right after the event loop was blocked, because requests from that time are read first', () => {
    const { clock, told, check } = waiting({ min: 250 })
    check()
    clock.advance(100)
    clock.stall(201)
    expect(told).toEqual(['checked 0', 'checked 100', 'checked 301'])
    clock.advance(20)
    expect(told.at(-1)).toBe('over 321')
  })

  test('is over when a check was only a little late', () => {
    const { clock, told, check } = waiting({ min: 250 })
    check()
    clock.advance(100)
    clock.stall(200)
    expect(told).toEqual(['checked 0', 'checked 100', 'over 300'])
  })

  test('is over at the cut, whatever is still open, after the last call', () => {
    const { clock, clients, told, check } = waiting()
    clients.survey.mockReturnValue({ busy: 1, heldUntil: 0, held: 0 })
    check()
    clock.advance(30_000)
    expect(told.filter((line) => !line.startsWith('checked'))).toEqual(['last call 24000', 'over 24000'])
  })

  test('of a drain that is not committed expires when the kubelet would have sent SIGKILL', () => {
    const { clock, clients, told, check } = waiting()
    clients.survey.mockReturnValue({ busy: 1, heldUntil: 0, held: 0 })
    check(false)
    clock.advance(29_900)
    expect(told.filter((line) => line.startsWith('expired'))).toEqual([])
    clock.advance(40_000)
    expect(told.at(-1)).toBe('expired 30000')
  })

  test('goes on with the number of requests in flight if checking a connection fails', () => {
    const { clock, clients, told, options, check } = waiting({ min: 100 })
    clients.survey.mockImplementation(() => {
      throw new Error('odd')
    })
    clients.inFlight = 1
    check()
    clock.advance(200)
    expect(options.onFailure).toHaveBeenCalledWith('to check connections', new Error('odd'))
    expect(told).toEqual(['checked 0', 'checked 100', 'checked 200'])
    clients.inFlight = 0
    clock.advance(100)
    expect(told.at(-1)).toBe('over 300')
  })

  test('logs what is still open at its interval, first after one interval', () => {
    const { clock, told, check } = waiting({ min: 1000, progress: 300 })
    check()
    clock.advance(700)
    expect(told.filter((line) => line.startsWith('progress'))).toEqual(['progress 300', 'progress 600'])
  })

  test('that a callback has ended is not checked again', () => {
    const { clock, told, wait, options, check } = waiting({ min: 1000, progress: 0 })
    options.onChecked.mockImplementation(() => void wait.stop())
    check()
    clock.advance(5000)
    expect(told).toEqual([])
    expect(options.onChecked).toHaveBeenCalledOnce()
  })
})

describe('a drain says what it waits for:', () => {
  test.each([
    ['one idle connection', 1, 500, ['1 idle connection, kept for 0.5 s more as promised']],
    ['several', 2, 500, ['2 idle connections, kept for 0.5 s more as promised']],
    ['TLS handshakes', 0, 500, ['TLS handshakes, for 0.5 s more']],
    ['nothing more', 1, 0, []],
    ['nobody knows how long', 0, Number.POSITIVE_INFINITY, []],
  ])('%s', (_what, held, left, said) => {
    const { budget, clients, wait } = waiting()
    clients.survey.mockImplementation((now) => ({ busy: 0, heldUntil: now + left, held }))
    expect(wait.waits(budget, true, true)).toEqual(said)
  })

  test('quiet, which is over at its last moment', () => {
    const { clock, budget, clients, wait } = waiting({ quiet: 500 })
    clients.lastArrival = clock.now()
    clients.lastRequest = { method: 'GET', path: '/', agent: undefined }
    clock.advance(499)
    expect(wait.waits(budget, true, true)).toEqual([
      '0.5 s without a request: the last came 0.5 s ago, GET /, without an agent',
    ])
    clock.advance(1)
    expect(wait.waits(budget, true, true)).toEqual([])
  })

  test('load balancers, not at the last moment of `min`', () => {
    const { clock, budget, wait } = waiting({ min: 500 })
    clock.advance(400)
    expect(wait.waits(budget, true, true)).toEqual(['load balancers, 0.1 s more'])
    clock.advance(100)
    expect(wait.waits(budget, true, true)).toEqual([])
  })

  test('the signal, if nothing else is open', () => {
    const { clock, budget, clients, wait } = waiting()
    expect(wait.waits(budget, false, false)).toEqual(['the signal; without one the pod serves again in 30.0 s'])
    expect(wait.waits(budget, true, false)).toEqual([])
    clients.survey.mockReturnValue({ busy: 1, heldUntil: clock.now() + 500, held: 1 })
    expect(wait.waits(budget, false, false)).toEqual([])
    expect(wait.waits(budget, false, true)).toEqual(['1 idle connection, kept for 0.5 s more as promised'])
  })
})
