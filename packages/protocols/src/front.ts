import { once } from 'node:events'
import net, { type AddressInfo, type Server as NetServer, type Socket } from 'node:net'
import { type AdapterOptions, type Drain, drainServer } from '@podrain/core'
import { type Protocol, servers } from './servers.js'

/** What the server does when the connection opens. */
export type Phase = keyof typeof phases

/** Each phase in words. */
export const phases = {
  bare: 'without podrain',
  serving: 'with podrain, before a drain',
  waiting: 'with podrain, during a drain that has not yet told the connection to leave',
  told: 'the drain begins with the first request of the connection, and tells the connection to leave',
  late: 'the connection opens when the drain already tells every connection to leave',
} as const

/** Whether the server ends the connection as soon as its requests are answered. */
export const isLeaving = (phase: Phase): boolean => phase === 'told' || phase === 'late'

const hour = 3_600_000

/** The drain does not end by itself, because a task holds it that never finishes. It hears no signal and logs nothing. */
const held = { signals: false, logger: false, terminationGracePeriodSeconds: 2 * 3600 } satisfies AdapterOptions
/** Settings with which connections are told to leave within an hour, and at once. */
const [never, atOnce] = [
  { min: hour, quiet: 0 },
  { min: 0, quiet: 0 },
]

/**
 * Listens on a port, and gives each connection a new server in the same phase. So every case of a conformance suite meets a drain at the
 * same moment, however many cases came before it.
 */
export class Front {
  readonly phase: Phase
  /** The number of requests that were still in flight when their connection had closed. */
  leftInFlight = 0
  readonly #protocol: Protocol
  readonly #listener: NetServer = net.createServer((socket) => this.#accept(socket))
  readonly #sockets = new Set<Socket>()

  private constructor(protocol: Protocol, phase: Phase) {
    this.#protocol = protocol
    this.phase = phase
  }

  static async open(protocol: Protocol, phase: Phase): Promise<Front> {
    const front = new Front(protocol, phase)
    front.#listener.listen(0, '127.0.0.1')
    await once(front.#listener, 'listening')
    return front
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port
  }

  /** Ends all connections. Resolves when the drain of each connection has noticed the end. */
  async close(): Promise<void> {
    this.#listener.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#listener, 'close')
    await new Promise((resolve) => setImmediate(resolve))
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket)
    const server = servers[this.#protocol]()
    const drain = drainIn(this.phase, server)
    socket.on('close', () => {
      this.#sockets.delete(socket)
      setImmediate(() => {
        this.leftInFlight += drain?.inFlight ?? 0
        void drain?.dispose()
      })
    })
    server.emit('connection', socket)
    if (this.phase === 'waiting') void drain?.prestop()
  }
}

/** The drain of a server in a phase; undefined without podrain. The preStop hook begins the drain, so the process of the suite goes on. */
function drainIn(phase: Phase, server: NetServer): Drain | undefined {
  if (phase === 'bare') return undefined
  const drain = drainServer(server, { ...held, settle: phase === 'waiting' ? never : atOnce })
  drain.waitUntil(new Promise(() => {}), { name: 'the conformance suite' })
  if (phase === 'late') void drain.prestop()
  if (phase === 'told') {
    const event = server.listenerCount('upgrade') > 0 ? 'upgrade' : 'request'
    server.once(event, () => void drain.prestop())
  }
  return drain
}
