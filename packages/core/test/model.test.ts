import { createServer, IncomingMessage, type Server, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Drain, type DrainState, drainServer } from '../src/index.js'
import { FakeClock, FakeProcess, type Gate, gate, Log } from './support.js'

/** The number of courses. `TEST_COURSES=100000` tries more. */
const courses = Number(process.env.TEST_COURSES ?? 1000)

/** Milliseconds that pass at once. Timers within them fire at their end. */
const step = 100

/** What may happen to a pod. */
type Event =
  | { readonly what: 'time passes'; readonly ms: number }
  | { readonly what: 'a request' | 'a task' | 'a hook' | 'SIGTERM' | 'SIGINT' | 'an error' | 'start()' }
  | { readonly what: 'an answer' | 'an abort' | 'a task ends' | 'a caller hangs up'; readonly which: number }

interface Pod {
  readonly grace: number
  readonly min: number
  readonly quiet: number
  readonly keepAliveCap: number
  readonly hanging: boolean
}

const pods: fc.Arbitrary<Pod> = fc.record({
  grace: fc.integer({ min: 10, max: 60 }),
  min: fc.integer({ min: 0, max: 3000 }),
  quiet: fc.integer({ min: 0, max: 1500 }),
  keepAliveCap: fc.integer({ min: 0, max: 5000 }),
  hanging: fc.boolean(),
})

const kind = <What extends Event['what']>(...what: What[]): fc.Arbitrary<What> => fc.constantFrom(...what)
const events: fc.Arbitrary<Event> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: kind('time passes'), ms: fc.integer({ min: 1, max: 8000 }) }) },
  { weight: 4, arbitrary: fc.record({ what: kind('a request', 'a task', 'a hook') }) },
  {
    weight: 5,
    arbitrary: fc.record({ what: kind('an answer', 'an abort', 'a task ends', 'a caller hangs up'), which: fc.nat(9) }),
  },
  { weight: 2, arbitrary: fc.record({ what: kind('SIGTERM', 'SIGINT', 'an error', 'start()') }) },
)

interface Caller {
  readonly gone: AbortController
  waiting: boolean
}

/** A pod, and the model of its expected state. */
class World {
  readonly #pod: Pod
  readonly #clock = new FakeClock()
  readonly #process = new FakeProcess()
  readonly #server: Server = createServer(() => {})
  readonly #drain: Drain
  readonly #requests: ServerResponse[] = []
  readonly #tasks: Gate[] = []
  readonly #callers: Caller[] = []
  readonly #mistakes: string[] = []
  #begun = 0
  #deadline = 0
  #lastArrival = 0
  #committed = false
  #committedAt = 0
  #settles = true
  #reports = 0
  #closings = 0
  #exits = 0
  #ended = 0

  constructor(pod: Pod) {
    this.#pod = pod
    const { grace, min, quiet, keepAliveCap } = pod
    this.#drain = drainServer(this.#server, {
      terminationGracePeriodSeconds: grace,
      settle: { min, quiet },
      closing: 2000,
      reserve: 1000,
      keepAliveCap,
      signals: ['SIGTERM', 'SIGINT'],
      clock: this.#clock,
      process: this.#process,
      logger: new Log(),
    })
    this.#drain.on('state', (state, previous) => this.#enter(state, previous))
    this.#drain.on('report', () => this.#reports++)
    this.#drain.onClose(() => {
      this.#closings++
      return pod.hanging ? new Promise(() => {}) : undefined
    })
    if (pod.hanging) this.#drain.onDrain(() => new Promise(() => {}), { timeout: 60_000 })
  }

  /** Whether nothing is open, and the wait for load balancers is over. */
  get #settled(): boolean {
    const now = this.#clock.now()
    const { min, quiet } = this.#pod
    const waited = !this.#settles || now >= Math.max(this.#begun + min, this.#lastArrival + quiet)
    return this.#requests.length + this.#tasks.length === 0 && waited
  }

  get #cut(): boolean {
    return this.#clock.now() >= this.#deadline - 2000
  }

  async happens(event: Event): Promise<void> {
    switch (event.what) {
      case 'time passes':
        await this.#pass(event.ms)
        break
      case 'a request':
        this.#arrive()
        break
      case 'a task':
        this.#work()
        break
      case 'a hook':
        this.#call()
        break
      case 'SIGTERM':
      case 'SIGINT':
        this.#terminate(event.what)
        break
      case 'an error':
        this.#commit({ settles: this.#drain.state !== 'serving' })
        this.#end(this.#process.crash(new Error('on purpose')))
        break
      case 'start()':
        this.#commit({ settles: true })
        void this.#drain.start()
        break
      case 'an answer':
        this.#takeOne(this.#requests, event.which)?.emit('close')
        break
      case 'an abort':
        this.#takeOne(this.#requests, event.which)?.req.socket.destroy()
        break
      case 'a task ends':
        this.#takeOne(this.#tasks, event.which)?.open()
        break
      case 'a caller hangs up':
        this.#takeOne(this.#callers, event.which)?.gone.abort()
        break
    }
    await turn()
    this.#check(event.what)
  }

  /** Checks that the drain ends, whatever is still open. */
  async ends(): Promise<void> {
    if (!this.#committed) {
      await this.#pass(this.#pod.grace * 1000 + 200)
      this.#expect(this.#drain.state === 'serving', `nobody terminates it, and it is ${this.#drain.state}`)
      this.#commit({ settles: true })
      void this.#drain.start()
    }
    await this.#pass(Math.max(0, this.#deadline - this.#clock.now()) + 200)
    this.#expect(this.#drain.state === 'closed', `past its deadline it is ${this.#drain.state}`)
    this.#expect(this.#reports === 1, `${this.#reports} reports`)
    this.#expect(this.#closings === 1, `the onClose hook ran ${this.#closings} times`)
    this.#expect(this.#ended === this.#exits, `${this.#exits - this.#ended} signals that never end the process`)
    this.#expect(!this.#callers.some(({ waiting }) => waiting), 'a caller of /prestop waits for ever')
    expect(this.#mistakes).toEqual([])
  }

  async #pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= step) {
      this.#clock.advance(Math.min(left, step))
      await turn()
    }
  }

  #arrive(): void {
    const request = new IncomingMessage(Object.assign(new Socket(), { server: this.#server }))
    Object.assign(request, { method: 'GET', url: '/', httpVersionMajor: 1, complete: true })
    const response = new ServerResponse(request)
    if (this.#drain.state === 'serving' || this.#drain.state === 'draining') this.#requests.push(response)
    this.#lastArrival = this.#clock.now()
    this.#server.emit('request', request, response)
  }

  #work(): void {
    if (this.#drain.state === 'closing' || this.#drain.state === 'closed') return
    const task = gate()
    this.#tasks.push(task)
    this.#drain.waitUntil(task.opened)
  }

  #call(): void {
    const caller = { gone: new AbortController(), waiting: true }
    this.#callers.push(caller)
    void this.#drain.prestop({ signal: caller.gone.signal }).then(() => {
      caller.waiting = false
      const may = caller.gone.signal.aborted || this.#drain.state !== 'draining' || this.#cut || this.#settled
      this.#expect(may, 'the hook was answered too early')
    })
  }

  #terminate(signal: 'SIGTERM' | 'SIGINT'): void {
    // The kubelet signals while the hook is pending when the grace period is spent.
    const late = this.#drain.state === 'draining' && this.#callers.some(({ waiting }) => waiting)
    if (late) this.#deadline = Math.min(this.#deadline, this.#clock.now() + 1500)
    this.#commit({ settles: !late && signal === 'SIGTERM' })
    this.#end(this.#process.signal(signal))
  }

  #commit({ settles }: { settles: boolean }): void {
    if (!this.#committed) {
      this.#settles = settles
      this.#committedAt = this.#clock.now()
    } else if (!settles) this.#settles = false
    this.#committed = true
  }

  #end(exit: Promise<boolean>): void {
    this.#exits++
    void exit.then(() => this.#ended++)
  }

  #enter(state: DrainState, previous: DrainState): void {
    const now = this.#clock.now()
    switch (`${previous} → ${state}`) {
      case 'serving → draining':
        this.#begun = now
        this.#lastArrival = now
        this.#deadline = now + this.#pod.grace * 1000 - 1000
        break
      case 'draining → serving':
        this.#expect(!this.#committed, 'it was committed, and serves again')
        this.#expect(now >= this.#begun + this.#pod.grace * 1000, 'it serves again too early')
        break
      case 'draining → closing':
        this.#expect(this.#committed, 'it closes, and nobody told it to')
        this.#expect(
          this.#cut || this.#settled,
          `it closes with ${this.#requests.length} requests at ${now - this.#begun} ms`,
        )
        break
      case 'closing → closed':
        // A signal may come only then. And each of two successive waits may be seen up to one step late.
        this.#expect(
          now <= Math.max(this.#deadline, this.#committedAt) + 2 * step,
          `it is closed ${now - this.#deadline} ms past the deadline`,
        )
        break
      default:
        this.#mistakes.push(`${previous} → ${state}`)
    }
  }

  #check(after: string): void {
    const { state, inFlight, committed, signal } = this.#drain
    if (state === 'serving' || state === 'draining') {
      this.#expect(
        inFlight === this.#requests.length,
        `after ${after} ${inFlight} in flight, not ${this.#requests.length}`,
      )
    }
    this.#expect(committed === this.#committed, `after ${after} committed is ${committed}`)
    this.#expect(
      signal.aborted === (state !== 'serving'),
      `after ${after} it is ${state}, and its signal ${signal.aborted}`,
    )
  }

  #expect(isSo: boolean, otherwise: string): void {
    if (!isSo) this.#mistakes.push(otherwise)
  }

  #takeOne<Thing>(things: Thing[], which: number): Thing | undefined {
    return things.length === 0 ? undefined : things.splice(which % things.length, 1)[0]
  }
}

/** Lets everything that was set off happen. */
async function turn(): Promise<void> {
  for (let round = 0; round < 3; round++) await new Promise((resolve) => setImmediate(resolve))
}

test(`whatever happens in whatever order, a pod keeps its promises: ${courses} courses`, {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(pods, fc.array(events, { maxLength: 30 }), async (pod, course) => {
      const world = new World(pod)
      for (const event of course) await world.happens(event)
      await world.ends()
    }),
    {
      numRuns: courses,
      examples: [
        // A signal just before the deadline, and nothing that ends by itself.
        [
          { grace: 10, min: 0, quiet: 0, keepAliveCap: 0, hanging: true },
          [{ what: 'a hook' }, { what: 'time passes', ms: 8901 }, { what: 'SIGTERM' }],
        ],
      ],
    },
  )
})
