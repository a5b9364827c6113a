import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Drain } from '../src/index.js'
import { Primary, type WorkerHandle } from '../src/workers/primary.js'
import type { FromPrimary } from '../src/workers/protocol.js'
import { FakeClock, turns } from './support.js'

// cluster.test.ts has real workers. The workers here are fakes, so that each can behave in any way.

class FakeWorker implements WorkerHandle {
  readonly name: string
  readonly sent: FromPrimary[] = []
  /** The grace periods that the worker has received, in seconds. */
  readonly graces: number[] = []
  readonly signals: string[] = []
  killed = 0
  exit: (code: number | string) => void = () => {}
  readonly exited = new Promise<number | string>((resolve) => {
    this.exit = resolve
  })

  constructor(name: string) {
    this.name = name
  }

  send(message: FromPrimary): void {
    if (message.podrain === 'grace') this.graces.push(message.gracePeriod / 1000)
    else this.sent.push(message)
  }

  signal(signal: string): void {
    this.signals.push(signal)
  }

  kill(): void {
    this.killed++
    this.exit('SIGKILL')
  }
}

function start(...names: string[]) {
  const clock = new FakeClock()
  const drain = new Drain({
    clock,
    terminationGracePeriodSeconds: 30,
    settle: { min: 0, quiet: 0 },
    signals: false,
    logger: false,
  })
  onTestFinished(() => drain.dispose())
  let now = 1000
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  const pass = (ms: number): void => {
    now += ms
    clock.advance(ms)
  }
  const primary = new Primary(drain)
  const workers = names.map((name) => new FakeWorker(name))
  for (const worker of workers) primary.add(worker)
  return { clock, drain, primary, workers: workers as [FakeWorker, FakeWorker, FakeWorker], pass }
}

describe('when the pod drains', () => {
  test('every worker that has joined gets the hook, and is waited for until it has settled', async () => {
    const { drain, primary, workers, pass } = start('a', 'b', 'plain')
    const [a, b, plain] = workers
    for (const worker of [a, b]) primary.receive(worker, { podrain: 'joined' })
    expect([a.sent, b.sent]).toEqual([[], []])
    const hook = vi.fn()
    void drain.prestop().then(hook)
    expect([a.sent, b.sent, plain.sent]).toEqual([
      [{ podrain: 'prestop', ago: 0 }],
      [{ podrain: 'prestop', ago: 0 }],
      [],
    ])
    expect(drain.status().tasks).toEqual(['a', 'b'])
    primary.receive(a, { podrain: 'settled' })
    await turns(3)
    pass(1000)
    expect(drain.status().tasks).toEqual(['b'])
    expect(hook).not.toHaveBeenCalled()
    primary.receive(b, { podrain: 'settled' })
    await turns(3)
    expect(hook).toHaveBeenCalledOnce()
  })

  test('a worker that joins late is told how long ago the drain began', async () => {
    const { drain, primary, workers, pass } = start('a', 'b')
    const [a, b] = workers
    pass(5000)
    primary.receive(a, { podrain: 'joined' })
    void drain.prestop()
    pass(1200)
    primary.receive(b, { podrain: 'joined' })
    expect(b.sent).toEqual([{ podrain: 'prestop', ago: 1200 }])
    expect(drain.status().tasks).toEqual(['a', 'b'])
  })

  test('a worker that exits is not waited for any longer', async () => {
    const { drain, primary, workers } = start('a')
    const [a] = workers
    primary.receive(a, { podrain: 'joined' })
    void drain.prestop()
    a.exit(1)
    await turns(3)
    expect(drain.status().tasks).toEqual([])
    expect(() => primary.receive(a, { podrain: 'settled' })).not.toThrow()
  })

  test('again after it was undone, workers get the hook again, and are waited for once', async () => {
    const { drain, primary, workers, pass } = start('a')
    const [a] = workers
    primary.receive(a, { podrain: 'joined' })
    void drain.prestop()
    pass(30_000)
    expect(drain.state).toBe('serving')
    void drain.prestop()
    await turns(3)
    expect(a.sent).toEqual([
      { podrain: 'prestop', ago: 0 },
      { podrain: 'prestop', ago: 0 },
    ])
    expect(drain.status().tasks).toEqual(['a'])
  })
})

describe('the grace period of the pod', () => {
  test('is sent to each worker when it joins', () => {
    const { primary, workers } = start('a', 'b', 'plain')
    const [a, b, plain] = workers
    for (const worker of [a, b]) primary.receive(worker, { podrain: 'joined' })
    expect([a.graces, b.graces, plain.graces]).toEqual([[30], [30], []])
  })

  test('is sent again when terminating() tells the real one, also to a worker that joins later', () => {
    const { drain, primary, workers, pass } = start('a', 'b', 'plain')
    const [a, b, plain] = workers
    primary.receive(a, { podrain: 'joined' })
    void drain.prestop()
    pass(2000)
    drain.terminating({ gracePeriod: 12_000, ago: 1000 })
    expect(a.graces).toEqual([30, 12])
    pass(1000)
    primary.receive(b, { podrain: 'joined' })
    expect(b.graces).toEqual([12])
    expect(plain.graces).toEqual([])
  })
})

describe('a worker that is about to stop listening', () => {
  test('is answered once the primary has had the time to accept what there is', async () => {
    const { primary, workers } = start('a')
    const [a] = workers
    primary.receive(a, { podrain: 'handOver', id: 3 })
    expect(a.sent).toEqual([])
    await turns(3)
    expect(a.sent).toEqual([{ podrain: 'handedOver', id: 3 }])
  })

  test('and has exited since gets no message', async () => {
    const { primary, workers } = start('a')
    const [a] = workers
    primary.receive(a, { podrain: 'handOver', id: 3 })
    a.exit(0)
    await turns(5)
    expect(a.sent).toEqual([])
  })
})

describe('a worker that the hook has reached', () => {
  test('drains all, and is answered by the number of its question when all have settled', async () => {
    const { drain, primary, workers, pass } = start('a', 'b')
    const [a, b] = workers
    for (const worker of [a, b]) primary.receive(worker, { podrain: 'joined' })
    primary.receive(a, { podrain: 'prestop', id: 7 })
    expect(drain.state).toBe('draining')
    expect(b.sent).toEqual([{ podrain: 'prestop', ago: 0 }])
    primary.receive(a, { podrain: 'settled' })
    await turns(3)
    pass(100)
    await turns(3)
    expect(a.sent).not.toContainEqual({ podrain: 'answer', id: 7 })
    primary.receive(b, { podrain: 'settled' })
    await turns(3)
    expect(a.sent.at(-1)).toEqual({ podrain: 'answer', id: 7 })
    expect(b.sent).not.toContainEqual({ podrain: 'answer', id: 7 })
  })

  test('may say that its caller has gone: that one is not waited with, and others are', async () => {
    const { drain, primary, workers } = start('a', 'b')
    const [a, b] = workers
    for (const worker of [a, b]) primary.receive(worker, { podrain: 'joined' })
    primary.receive(a, { podrain: 'prestop', id: 1 })
    primary.receive(a, { podrain: 'prestop', id: 2 })
    primary.receive(a, { podrain: 'gone', id: 1 })
    primary.receive(a, { podrain: 'gone', id: 5 })
    await turns(3)
    expect(a.sent).toContainEqual({ podrain: 'answer', id: 1 })
    expect(a.sent).not.toContainEqual({ podrain: 'answer', id: 2 })
    expect(drain.state).toBe('draining')
  })

  test('and has exited since gets no message', async () => {
    const { primary, workers } = start('a', 'b')
    const [a, b] = workers
    for (const worker of [a, b]) primary.receive(worker, { podrain: 'joined' })
    primary.receive(a, { podrain: 'prestop', id: 1 })
    a.exit(0)
    await turns(5)
    expect(a.sent).toEqual([{ podrain: 'prestop', ago: 0 }])
    primary.receive(a, { podrain: 'prestop', id: 2 })
    await turns(3)
    expect(a.sent).toHaveLength(1)
  })
})

describe('when the pod ends', () => {
  test.each([
    ['SIGINT', 'SIGINT'],
    ['SIGTERM', 'SIGTERM'],
    ['an uncaught error', 'SIGTERM'],
  ])('because of %s, each worker gets %s, once, and its exit is waited for', async (reason, signal) => {
    const { drain, primary, workers } = start('a', 'plain')
    const [a, plain] = workers
    primary.receive(a, { podrain: 'joined' })
    void drain.start({ reason })
    void drain.start({ reason: 'SIGTERM' })
    expect([a.signals, plain.signals]).toEqual([[signal], [signal]])
    expect(a.sent).toEqual([])
    expect(drain.status().tasks).toEqual(['a', 'plain'])
    a.exit(0)
    plain.exit(0)
    await turns(3)
    expect(drain.status().tasks).toEqual([])
  })

  test('because of a SIGINT that waits for load balancers, as on Fly, each worker gets SIGTERM', () => {
    const { drain, workers } = start('a')
    void drain.start({ reason: 'SIGINT', settle: true })
    expect(workers[0].signals).toEqual(['SIGTERM'])
    workers[0].exit(0)
  })

  test('in a hurry, those that drain get three quarters of what is left, before the signal', async () => {
    const { drain, primary, workers } = start('a', 'plain')
    const [a, plain] = workers
    primary.receive(a, { podrain: 'joined' })
    void drain.start({ reason: 'SIGTERM', settle: false, within: 2000 })
    expect(a.sent).toEqual([{ podrain: 'hurry', within: 1500 }])
    expect(plain.sent).toEqual([])
    expect([a.signals, plain.signals]).toEqual([['SIGTERM'], ['SIGTERM']])
  })

  test('a worker that was to settle is waited for until it exits, and not told to drain any more', async () => {
    const { drain, primary, workers } = start('a')
    const [a] = workers
    primary.receive(a, { podrain: 'joined' })
    void drain.prestop()
    void drain.start({ reason: 'SIGTERM' })
    await turns(3)
    expect(drain.status().tasks).toEqual(['a'])
    primary.receive(a, { podrain: 'joined' })
    expect(a.sent).toEqual([{ podrain: 'prestop', ago: 0 }])
  })
})

describe('the end of the workers', () => {
  test('is that of the last one, and clean if all exited with 0', async () => {
    const { primary, workers } = start('a', 'b')
    const [a, b] = workers
    const ended = vi.fn()
    const end = primary.end(60_000).then(ended)
    expect([a.signals, b.signals]).toEqual([['SIGTERM'], ['SIGTERM']])
    a.exit(0)
    await turns(3)
    expect(ended).not.toHaveBeenCalled()
    b.exit(0)
    await end
    expect([a.killed, b.killed]).toEqual([0, 0])
  })

  test('names those that exited with another code once they had been told, and no others', async () => {
    const { primary, workers } = start('a', 'b', 'c')
    const [a, b, c] = workers
    a.exit(1)
    await turns(3)
    const end = primary.end(60_000)
    b.exit(1)
    c.exit('SIGSEGV')
    await expect(end).rejects.toThrow(/^b exited with 1, c exited with SIGSEGV$/)
    expect(a.signals).toEqual([])
  })

  test('comes in time: who is late is killed and named, who is not is left alone', async () => {
    const { primary, workers } = start('a', 'b')
    const [a, b] = workers
    const end = primary.end(30)
    b.exit(0)
    await expect(end).rejects.toThrow(/^a had to be killed, a exited with SIGKILL$/)
    expect([a.killed, b.killed]).toEqual([1, 0])
  })

  test('leaves no timer that kills', async () => {
    const timers = vi.spyOn(globalThis, 'clearTimeout')
    const { primary } = start()
    await primary.end(60_000)
    expect(timers).toHaveBeenCalledOnce()
  })
})

test('a worker that joins while the pod drains gets the grace period of the options, as the cluster has said nothing', () => {
  const { drain, primary, workers, pass } = start('a')
  void drain.prestop()
  pass(4000)
  primary.receive(workers[0], { podrain: 'joined' })
  expect(workers[0].graces).toEqual([30])
})
