import http from 'node:http'
import { createHttpTerminator } from 'http-terminator'
import { echo, handle } from './application.mjs'

const server = echo(http.createServer(handle)).listen(process.env.PORT, process.env.HOST)
const terminator = createHttpTerminator({ server, gracefulTerminationTimeout: 4500 })
process.on('SIGTERM', async () => {
  await terminator.terminate()
  process.exit(0)
})
