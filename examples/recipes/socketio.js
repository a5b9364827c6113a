import { addAbortListener } from 'node:events'
import http from 'node:http'
import { drainServer } from '@podrain/core'
import { Server } from 'socket.io'

const prices = process.env.UPSTREAM_URL ?? 'http://prices'
const server = http.createServer()
const drain = drainServer(server)
const io = new Server(server, {
  // A new session is refused while the pod drains. Its client keeps what it sends until it is connected, and tries again
  // by itself. socket.io does not ask this for the polls and the upgrade of a session that exists.
  allowRequest: (_request, callback) => callback(null, !drain.signal.aborted),
})

io.on('connection', (socket) => {
  let unanswered = 0
  const leave = () => {
    // Not disconnect(): a client takes that for a decision and stays away. From a closed transport it comes back by itself.
    if (drain.signal.aborted && unanswered === 0) socket.conn.close()
  }

  // Every message passes here before its handler. What will be acknowledged keeps the connection until it is.
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

  // The best moment is right behind an acknowledgement: a message that crosses the close is lost. Who is silent leaves later.
  const listener = addAbortListener(drain.signal, () => setTimeout(leave, 1000))
  socket.on('disconnect', () => listener[Symbol.dispose]())

  socket.on('price', async (sku, acknowledge) => {
    const answer = await fetch(`${prices}/${sku}`)
    acknowledge(await answer.json())
  })
})

// Adapters (Redis, PostgreSQL) are closed, too. Every client has gone by then.
drain.onClose(() => io.close(), { name: 'socket.io' })

server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
  console.log('listening', server.address())
})
