// The sessions are closed, too, because close() of the server waits for them and clients keep them open.
import http2 from 'node:http2'
import { handle } from './application.mjs'

const server = http2.createServer(handle).listen(process.env.PORT, process.env.HOST)
const sessions = new Set()
server.on('session', (session) => {
  sessions.add(session)
  session.on('close', () => sessions.delete(session))
})
process.on('SIGTERM', () => {
  server.close()
  for (const session of sessions) session.close()
})
