import { describe, expect, test, vi } from 'vitest'
import { ask, FakeClock, FakeProcess, gate, type Pod, sayOk, serve, slow, turns } from './support.js'

async function start(options: object = {}): Promise<Pod & { clock: FakeClock; process: FakeProcess }> {
  const clock = new FakeClock()
  const process = new FakeProcess()
  const pod = await serve(sayOk, { ...slow, clock, process, signals: ['SIGTERM', 'SIGINT'], ...options })
  return { ...pod, clock, process }
}

const hang = (): Promise<void> => new Promise(() => {})

describe('onDrain hooks', () => {
  test('run when the drain begins, all at the same time', async () => {
    const { drain, clock } = await start()
    const ran: string[] = []
    const registry = gate()
    drain
      .onDrain(async () => {
        ran.push('registry')
        await registry.opened
      })
      .onDrain(() => ran.push('consumer'))
    expect(ran).toEqual([])
    void drain.prestop()
    await turns()
    expect(ran).toEqual(['registry', 'consumer'])
    expect(drain.state).toBe('draining')
    registry.open()
    expect((await clock.through(drain.start())).hooks.map(({ outcome }) => outcome)).toEqual(['ok', 'ok'])
  })

  test('see the drain begun: not ready, signal aborted', async () => {
    const { drain } = await start()
    const seen = vi.fn()
    drain.onDrain(() => seen(drain.state, drain.signal.aborted, drain.lastCall.aborted))
    expect(drain.signal.aborted).toBe(false)
    void drain.start()
    expect(seen).toHaveBeenCalledExactlyOnceWith('draining', true, false)
  })

  test('that fail or hang are reported and do not stop the drain', async () => {
    const { drain, clock, log } = await start()
    drain
      .onDrain(
        () => {
          throw new Error('no registry')
        },
        { name: 'registry' },
      )
      .onDrain(hang, { name: 'consumer', timeout: 300 })
      .onDrain(() => 'fine', { name: 'fine' })
    const report = await clock.through(drain.start())
    expect(report.hooks).toMatchObject([
      { name: 'registry', outcome: 'failed', error: new Error('no registry') },
      { name: 'consumer', outcome: 'timed out' },
      { name: 'fine', outcome: 'ok' },
    ])
    expect(report.clean).toBe(false)
    expect(log.matching(/^error podrain: onDrain hook "registry" failed: Error: no registry/)).toHaveLength(1)
    expect(log.matching(/^error podrain: onDrain hook "consumer" did not end within 300 ms/)).toHaveLength(1)
  })

  test('run again when a drain follows one that was undone', async () => {
    const { drain, clock } = await start()
    const ran: string[] = []
    drain.onDrain(() => ran.push('drain')).onResume(() => ran.push('resume'))
    void drain.prestop()
    clock.advance(30_100)
    await turns()
    const report = drain.start()
    expect(ran).toEqual(['drain', 'resume', 'drain']) // at once, because no hook is running
    await clock.through(report)
  })
})

describe('onResume hooks', () => {
  test('that hang are logged, and the pod serves', async () => {
    const { drain, clock, log } = await start()
    drain.onResume(hang, { name: 'registry', timeout: 60_000 })
    void drain.prestop()
    clock.advance(30_100)
    expect(drain.state).toBe('serving')
    await turns(3)
    clock.advance(29_000)
    await turns(3)
    expect(log.matching(/^error podrain: onResume hook "registry" did not end within 29000 ms/)).toHaveLength(1)
  })
})

describe('onClose hooks', () => {
  test('run after the server has stopped listening, the newest first, one after the other', async () => {
    const { drain, clock, server } = await start()
    const ran: string[] = []
    const hook = (name: string) => async (): Promise<void> => {
      ran.push(`${name} begins${server.listening ? ' too early' : ''}`)
      await turns(3)
      ran.push(`${name} ends`)
    }
    drain.onClose(hook('log')).onClose(hook('pool')).onClose(hook('cache'))
    await clock.through(drain.start())
    expect(ran).toEqual(['cache begins', 'cache ends', 'pool begins', 'pool ends', 'log begins', 'log ends'])
  })

  test('that fail do not keep the others from running, and the drain is not clean', async () => {
    const { drain, clock, log } = await start()
    const ran = vi.fn()
    drain
      .onClose(ran, { name: 'log' })
      .onClose(() => Promise.reject(new Error('pool is broken')), { name: 'pool' })
      .onClose(
        () => {
          throw 'cache is broken'
        },
        { name: 'cache' },
      )
    const report = await clock.through(drain.start())
    expect(ran).toHaveBeenCalledOnce()
    expect(report.hooks).toMatchObject([
      { name: 'cache', outcome: 'failed', error: 'cache is broken' },
      { name: 'pool', outcome: 'failed' },
      { name: 'log', outcome: 'ok' },
    ])
    expect(report.clean).toBe(false)
    expect(log.matching(/^error .*; hooks: cache failed, pool failed/)).toHaveLength(1)
  })

  test('that hang are no longer waited for, each after its own timeout', async () => {
    const { drain, clock } = await start({ hookTimeout: 700 })
    const ran = vi.fn()
    drain.onClose(ran, { name: 'log' }).onClose(hang, { name: 'default' }).onClose(hang, { name: 'own', timeout: 200 })
    const report = await clock.through(drain.start())
    expect(report.hooks).toMatchObject([
      { name: 'own', outcome: 'timed out' },
      { name: 'default', outcome: 'timed out' },
      { name: 'log', outcome: 'ok' },
    ])
    const [own, byDefault] = report.hooks.map((hook) => hook.durationMs)
    expect(own).toBeGreaterThanOrEqual(200)
    expect(own).toBeLessThan(700)
    expect(byDefault).toBeGreaterThanOrEqual(700)
    expect(ran).toHaveBeenCalledOnce()
    expect(report.clean).toBe(false)
  })

  test('that hang without a limit leave time for the exit', async () => {
    const { drain, clock } = await start()
    drain.onClose(hang, { name: 'pool', timeout: Number.POSITIVE_INFINITY })
    const closing = gate()
    drain.onClose(() => closing.open(), { name: 'begun' })
    void drain.start()
    await clock.through(closing.opened)
    await turns()
    clock.advance(27_000)
    const report = await clock.through(drain.start())
    expect(report.hooks).toMatchObject([{ name: 'begun' }, { name: 'pool', outcome: 'timed out' }])
    expect(report.hooks[1]?.durationMs).toBeLessThanOrEqual(28_000)
  })

  test('run even if requests had to be cut', async () => {
    const { drain, clock } = await start()
    const ran = vi.fn()
    drain.onClose(ran)
    drain.waitUntil(hang(), { name: 'mail' })
    void drain.start()
    clock.advance(24_000)
    expect((await clock.through(drain.start())).unfinishedTasks).toEqual(['mail'])
    expect(ran).toHaveBeenCalledOnce()
  })

  test('are named after their function, or numbered', async () => {
    const { drain, clock } = await start()
    drain.onClose(() => {}).onClose(function closePool() {})
    const { hooks } = await clock.through(drain.start())
    expect(hooks.map((hook) => hook.name)).toEqual(['closePool', 'onClose 1'])
  })
})

describe('a hook that cannot work is refused when it is added:', () => {
  test.each([
    ['no function', 'pool', {}, 'onClose() expected a function, got string'],
    [
      'a negative timeout',
      () => {},
      { name: 'pool', timeout: -1 },
      '`timeout` of hook "pool" to be 0 or more milliseconds, got `-1`',
    ],
    [
      'NaN',
      () => {},
      { name: 'pool', timeout: Number.NaN },
      '`timeout` of hook "pool" to be 0 or more milliseconds, got `NaN`',
    ],
  ])('%s', async (_name, hook, options, message) => {
    const { drain } = await start()
    expect(() => drain.onClose(hook as () => void, options)).toThrow(message)
  })
})

describe("a framework's own close", () => {
  test('runs after the last request and before the onClose hooks', async () => {
    const { drain, clock, server, port } = await start()
    const ran: string[] = []
    drain.watch(server, {
      name: 'framework',
      close: () => ran.push(`framework, ${drain.inFlight} in flight, ${drain.state}`),
    })
    drain.onClose(() => ran.push('pool'))
    await ask(port)
    const report = await clock.through(drain.start())
    expect(ran).toEqual(['framework, 0 in flight, closing', 'pool'])
    expect(report.hooks).toMatchObject([{ name: 'framework', outcome: 'ok' }, { outcome: 'ok' }])
  })

  test('that hangs leaves time for the onClose hooks and the exit', async () => {
    const { drain, clock, server } = await start()
    const ran = vi.fn()
    drain.watch(server, { name: 'framework', close: hang })
    drain.onClose(ran, { name: 'pool' })
    const closing = gate()
    drain.on('state', (state) => state === 'closing' && closing.open())
    void drain.start()
    await clock.through(closing.opened)
    await turns()
    clock.advance(12_000)
    const report = await clock.through(drain.start())
    expect(report.hooks).toMatchObject([
      { name: 'framework', outcome: 'timed out' },
      { name: 'pool', outcome: 'ok' },
    ])
    expect(ran).toHaveBeenCalledOnce()
    expect(report.hooks[0]?.durationMs).toBeLessThanOrEqual(14_000) // half of what was left
  })
})

describe('onClose hooks with `after`', () => {
  /** The order in which hooks of these names ran, added in this order. */
  async function ranOf(
    ...hooks: [name: string, after?: string | string[]][]
  ): Promise<{ ran: string[]; lines: string[] }> {
    const { drain, clock, log } = await start()
    const ran: string[] = []
    for (const [name, after] of hooks) drain.onClose(() => ran.push(name), after ? { name, after } : { name })
    await clock.through(drain.start())
    return { ran, lines: log.matching(/^(?:warn|error)/) }
  }

  test('run when the hooks that they name have finished, and the others newest first', async () => {
    const { ran, lines } = await ranOf(
      ['worker'],
      ['logs', ['pool', 'cache']],
      ['cache', 'pool'],
      ['mail'],
      ['pool', 'worker'],
    )
    expect(ran).toEqual(['mail', 'worker', 'pool', 'cache', 'logs'])
    expect(lines).toEqual([])
  })

  test('run newest first if they wait for one another, and that is logged', async () => {
    const { ran, lines } = await ranOf(['a', 'b'], ['b', 'a'], ['c'])
    expect(ran).toEqual(['c', 'b', 'a'])
    expect(lines).toEqual([expect.stringContaining('onClose hooks "b", "a" wait for one another')])
  })

  test('that name an unknown hook run nevertheless, and that is logged', async () => {
    const { ran, lines } = await ranOf(['pool', 'worker'])
    expect(ran).toEqual(['pool'])
    expect(lines).toEqual([
      expect.stringContaining('onClose hook "pool" is to run `after` "worker", but no hook has that name'),
    ])
  })

  test('run after a hook that has failed, too', async () => {
    const { drain, clock } = await start()
    const closed = vi.fn()
    drain
      .onClose(() => Promise.reject(new Error('no')), { name: 'worker' })
      .onClose(closed, { name: 'pool', after: 'worker' })
    await clock.through(drain.start())
    expect(closed).toHaveBeenCalledOnce()
  })

  test('is refused if it is not a name, and on other kinds of hooks', async () => {
    const { drain } = await start()
    expect(() => drain.onClose(() => {}, { name: 'pool', after: 5 as never })).toThrow(
      'Expected `after` of hook "pool" to be',
    )
    expect(() => drain.onDrain(() => {}, { after: 'pool' })).toThrow('`after` is for onClose hooks')
  })
})

test('onResume hooks wait for an onDrain hook that has timed out and still runs', async () => {
  const clock = new FakeClock()
  const { drain } = await serve(sayOk, { ...slow, clock, hookTimeout: 1000 })
  const left = gate()
  const order: string[] = []
  drain.onDrain(async () => {
    await left.opened
    order.push('left')
  })
  drain.onResume(() => void order.push('returned'))
  void drain.prestop()
  clock.advance(29_900)
  await turns()
  clock.advance(200)
  await turns()
  expect(drain.state).toBe('serving')
  expect(order).toEqual([])
  left.open()
  await turns()
  expect(order).toEqual(['left', 'returned'])
})
