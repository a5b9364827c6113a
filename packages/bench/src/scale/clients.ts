/** Many clients of one server, in their own process. */
import { connect } from 'node:net'
import { Client, fate } from './client.js'

export interface Order {
  readonly port: number
  /** The x of the client's address 127.0.0.x. One address has too few ports for all connections to one server. */
  readonly address: number
  /** Connections that have been used once. */
  readonly idle: number
  /** Connections with a request that is not answered yet. */
  readonly busy: number
}

/** Connections that are opened at the same time. */
const window = 250

/** The local port of the next connection. The kernel would search long for a free port when many are in use. */
let port = 10_000

function open(order: Order, path: string): Promise<Client> {
  return new Promise((resolve, reject) => {
    const where = { port: order.port, host: '127.0.0.1', localAddress: `127.0.0.${order.address}`, localPort: ++port }
    const socket = connect(where)
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(new Client(socket, path))
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') open(order, path).then(resolve, reject)
      else reject(error)
    })
  })
}

async function openAll(order: Order): Promise<void> {
  const idle = Array.from({ length: order.idle }, () => async () => (await open(order, '/')).answered)
  const busy = Array.from({ length: order.busy }, () => async () => void (await open(order, '/held')))
  const left = [...idle, ...busy]
  const work = async (): Promise<void> => {
    for (let next = left.pop(); next; next = left.pop()) await next()
  }
  await Promise.all(Array.from({ length: window }, work))
}

/** For an order, opens the connections and then sends the counts. For an empty message, sends the counts. */
process.on('message', async (order: Order | Record<string, never>) => {
  if ('port' in order) await openAll(order as Order)
  process.send?.(fate)
})
process.on('disconnect', () => process.exit())
