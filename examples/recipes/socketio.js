import { addAbortListener } from 'node:events'
import http from 'node:http'
import { drainServer } from '@podrain/core'
import { Server } from 'socket.io'

const prices = process.env.UPSTREAM_URL ?? 'http://prices'
const server = http.createServer()
const drain = drainServer(server)
const io = new Server(server, {
  // Refuses new sessions while the pod drains. The client buffers its messages and reconnects by itself. socket.io does not
  // call this function for polls and upgrades of an existing session.
  allowRequest: (_request, callback) => callback(null, !drain.signal.aborted),
})

io.on('connection', (socket) => {
  let unanswered = 0
  const leave = () => {
    // Closes the transport, because then the client reconnects by itself. After disconnect() it would not reconnect.
    if (drain.signal.aborted && unanswered === 0) socket.conn.close()
  }

  // Runs before the handler of every message. A message with an acknowledgement keeps the connection open until it is acknowledged.
  socket.use((message, next) => {
    const acknowledge = message.at(-1)
    if (typeof acknowledge === 'function') {
      unanswered++
      message[message.length - 1] = (/** @type {unknown[]} */ ...answer) => {
        acknowledge(...answer)
        unanswered--
        leave()
      }
    }
    next()
  })

  // The safest time to close is directly after an acknowledgement, because a message that the client sends during the close is lost.
  // A client that waits for no acknowledgement is closed after one second.
  const listener = addAbortListener(drain.signal, () => setTimeout(leave, 1000))
  socket.on('disconnect', () => listener[Symbol.dispose]())

  socket.on('price', async (sku, acknowledge) => {
    const answer = await fetch(`${prices}/${sku}`)
    acknowledge(await answer.json())
  })
})

// Also closes adapters (Redis, PostgreSQL). All clients have disconnected by then.
drain.onClose(() => io.close(), { name: 'socket.io' })

server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
  console.log('listening', server.address())
})
