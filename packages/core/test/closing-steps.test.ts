import { expect, test, vi } from 'vitest'
import type { Traffic } from '../src/http/traffic.js'
import { namedLogger } from '../src/shared/log.js'
import { Budget } from '../src/termination/budget.js'
import { close, nothingClosed, stopListening } from '../src/termination/closing.js'
import { Hooks } from '../src/termination/hooks.js'
import { Tasks } from '../src/termination/tasks.js'
import { FakeClock, gate } from './support.js'

const boom = new Error('boom')
const fails = (): never => {
  throw boom
}

/** The closing of a server without connections. Each step records that it ran. */
function closing() {
  const clock = new FakeClock()
  const ran: string[] = []
  const step = (name: string, result?: unknown) =>
    vi.fn(() => {
      ran.push(name)
      return result
    })
  const servers = {
    unlisten: step('stops listening'),
    keepConnections: step('keeps connections'),
    closeAllConnections: step('closes all connections'),
    earlier: { unknown: 0 },
    unseen: { connections: async () => 0 },
    addresses: [],
  }
  const traffic = {
    servers,
    accepted: 0,
    inFlight: 0,
    connected: false,
    survey: vi.fn(() => ({ busy: 0, held: 0, heldUntil: 0 })),
    closeIdle: vi.fn(async () => step('closes idle connections', false)()),
    destroy: vi.fn(async () => step('cuts', [])()),
  }
  const logger = namedLogger(false)
  const frameworks = new Hooks('close', clock, logger, 1000)
  frameworks.add(step('closes the framework'), {})
  const onClose = new Hooks('onClose', clock, logger, 1000)
  onClose.add(step('closes the pool'), {})
  const parts = {
    clock,
    budget: new Budget(clock, 29_000, 5000, 0, 1000),
    traffic: traffic as unknown as Traffic,
    tasks: new Tasks(clock, logger, 1000, () => {}),
    frameworks,
    onClose,
    announced: () => Promise.resolve() as Promise<unknown>,
    outlived: false,
    handOver: () => Promise.resolve(),
    onFailure: vi.fn(),
    onRemark: vi.fn(),
  }
  return { clock, ran, traffic, servers, parts }
}

type Scene = ReturnType<typeof closing>

const steps = [
  'stops listening',
  'keeps connections',
  'closes the framework',
  'closes idle connections',
  'cuts',
  'closes all connections',
  'closes the pool',
]

test('the steps of the closing run in their order', async () => {
  const { clock, ran, parts } = closing()
  await clock.through(close(parts, nothingClosed()))
  expect(ran).toEqual(steps)
  expect(parts.onFailure).not.toHaveBeenCalled()
})

test.each<[string, string | undefined, (scene: Scene) => void]>([
  ['to stop listening', 'stops listening', ({ servers }) => servers.unlisten.mockImplementation(fails)],
  [
    'to keep connections from the framework',
    'keeps connections',
    (s) => s.servers.keepConnections.mockImplementation(fails),
  ],
  ['to check connections', undefined, ({ traffic }) => traffic.survey.mockImplementation(fails)],
  ['to close idle connections', 'closes idle connections', ({ traffic }) => traffic.closeIdle.mockRejectedValue(boom)],
  [
    'to close connections',
    'closes idle connections',
    ({ traffic }) => Object.defineProperty(traffic, 'inFlight', { get: fails }),
  ],
  ['to name unfinished tasks', undefined, (s) => Object.defineProperty(s.parts.tasks, 'unfinished', { get: fails })],
  ['to cut connections', 'cuts', ({ traffic }) => traffic.destroy.mockRejectedValue(boom)],
  ['to wait for hooks', undefined, ({ parts }) => Object.assign(parts, { announced: () => Promise.reject(boom) })],
  [
    'to run the onClose hooks',
    'closes the pool',
    ({ parts }) => Object.assign(parts.onClose, { runNewestFirst: fails }),
  ],
  [
    'to wait for what the kernel holds',
    undefined,
    (s) => Object.defineProperty(s.servers, 'addresses', { get: fails }),
  ],
])('a closing that fails %s reports that, and every other step runs', async (label, own, breaks) => {
  const scene = closing()
  breaks(scene)
  await scene.clock.through(close(scene.parts, nothingClosed()))
  expect(scene.parts.onFailure).toHaveBeenCalledWith(label, boom)
  expect(new Set(scene.parts.onFailure.mock.calls.map(([step]) => step))).toEqual(new Set([label]))
  expect([...new Set(scene.ran)].sort()).toEqual(steps.filter((step) => step !== own).sort())
})

test('a framework that hangs gets nearly all of the time that is left, if no onClose hook follows', async () => {
  const { clock, parts } = closing()
  const none = new Hooks('onClose', clock, namedLogger(false), 1000)
  const hangs = new Hooks('close', clock, namedLogger(false), 60_000)
  hangs.add(() => new Promise(() => {}), { name: 'framework' })
  const { left } = parts.budget
  await clock.through(close({ ...parts, frameworks: hangs, onClose: none }, nothingClosed()))
  expect(parts.budget.left).toBeGreaterThan(0)
  expect(parts.budget.left).toBeLessThan(left / 10)
})

test('the timeout of a framework counts from the moment when the connections are closed, because the framework waits for them', async () => {
  const { clock, traffic, parts } = closing()
  const begun = clock.now()
  traffic.survey.mockImplementation(() => ({ busy: clock.now() < begun + 3000 ? 1 : 0, held: 0, heldUntil: 0 }))
  const cut = gate()
  traffic.destroy.mockImplementation(async () => cut.open())
  const closes = new Hooks('close', clock, namedLogger(false), 1000)
  closes.add(() => cut.opened.then(() => new Promise<void>((resolve) => clock.after(500, resolve))), {})
  const closed = nothingClosed()
  await clock.through(close({ ...parts, frameworks: closes }, closed))
  expect(clock.now() - begun).toBeGreaterThanOrEqual(3500)
  expect(closed.hooks).toMatchObject([{ name: 'close 1', outcome: 'ok' }, { outcome: 'ok' }])
})

test('a server to which clients connect without end stops listening when no time is left, or after a full backlog', async () => {
  const { clock, servers } = closing()
  let accepted = 0
  const traffic = {
    servers,
    get accepted() {
      return accepted++
    },
  } as unknown as Traffic
  const rounds = async (left: number): Promise<number> => {
    const handOver = vi.fn(() => Promise.resolve())
    await stopListening({ clock, traffic, handOver }, () => left)
    return handOver.mock.calls.length
  }
  expect(await rounds(0)).toBe(1)
  expect(servers.unlisten).toHaveBeenCalledOnce()
  expect(await rounds(1000)).toBeGreaterThan(100)
  expect(servers.unlisten).toHaveBeenCalledTimes(2)
})

test('clients have half a second to close their side, counted from the last farewell', async () => {
  const { clock, traffic, parts } = closing()
  const begun = clock.now()
  const told = [begun, begun + 200]
  Object.assign(traffic, { connected: true })
  traffic.closeIdle.mockImplementation(async () => told.includes(clock.now()))
  let cut = 0
  traffic.destroy.mockImplementation(async () => {
    cut = clock.now() - begun
  })
  await clock.through(close(parts, nothingClosed()))
  expect(cut).toBe(700)
})
