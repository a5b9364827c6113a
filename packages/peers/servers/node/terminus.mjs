import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import terminus from '@godaddy/terminus'
import { echo, handle } from './application.mjs'

const server = echo(http.createServer(handle))
terminus.createTerminus(server, { beforeShutdown: () => sleep(800), useExit0: true, timeout: 3700 })
server.listen(process.env.PORT, process.env.HOST)
