import { addAbortListener } from 'node:events'
import http from 'node:http'
import { drainServer } from '@podrain/core'
import { Server } from 'socket.io'

const prices = process.env.UPSTREAM_URL ?? 'http://prices'
const server = http.createServer()
const drain = drainServer(server)
const io = new Server(server)

io.on('connection', (socket) => {
  let unanswered = 0
  // Not disconnect(): a client takes that for a decision and stays away. From a closed transport it comes back by itself.
  const close = () => socket.conn.close()

  // Every message passes here before its handler. What will be acknowledged keeps the connection until it is.
  socket.use((message, next) => {
    const acknowledge = message.at(-1)
    if (typeof acknowledge === 'function') {
      unanswered++
      message[message.length - 1] = (/** @type {unknown[]} */ ...answer) => {
        acknowledge(...answer)
        if (--unanswered === 0 && drain.signal.aborted) close()
      }
    }
    next()
  })

  const listener = addAbortListener(drain.signal, () => {
    if (unanswered === 0) close()
  })
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
