/** The thread of the built-in proxy. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'
import { HeldUp } from '../../shared/held-up.js'
import type { FrontPlan } from '../front.js'
import { Forwarder } from './forward.js'
import { tunnel } from './tunnel.js'

/** How long an idle connection of a client is kept, in ms: nginx's default. */
const keepAliveTimeout = 75_000
/** ms from one message about the delay of the event loop to the next. */
const tellEvery = 100

const plan = workerData as FrontPlan
const forwarder = new Forwarder(plan)
const server = createServer({ keepAliveTimeout, requestTimeout: 0, noDelay: true }, (request, response) => {
  forwarder.forward(request, response)
})
server.on('upgrade', (request, socket, head) => tunnel(plan.upstream, request, socket, head))
server.listen({ ...plan.listen, backlog: 4096 })
const heldUp = new HeldUp()
void once(server, 'listening').then(() => {
  heldUp.start()
  parentPort?.postMessage('listening')
  setInterval(() => parentPort?.postMessage(heldUp.longest), tellEvery)
})
