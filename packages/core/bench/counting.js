/**
 * What counting adds to a request: nanoseconds per request over the bare life cycle of a response, in this process and
 * without a network. The variants take turns, so that whatever else the machine does meets all of them.
 *
 *     pnpm bench [--rounds 15] [--requests 20000]
 */
'use strict'
const { createServer, IncomingMessage, ServerResponse } = require('node:http')
const { Socket } = require('node:net')
const { parseArgs } = require('node:util')
const { Drain, drainServer } = require('../dist/index.js')

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '15' }, requests: { type: 'string', default: '20000' } },
})
const rounds = Number(values.rounds)
const requests = Number(values.requests)

/** A response from its construction to 'close', as the server drives it; `onRequest` is what is measured. */
function lifeCycle(socket, onRequest) {
  const request = new IncomingMessage(socket)
  request.httpVersionMajor = 1
  request.method = 'GET'
  request.url = '/users/1?full=1'
  const response = new ServerResponse(request)
  response.on('finish', noop) // as the server does
  onRequest(request, response)
  const drain = drains.get(onRequest)
  if (drain && drain.inFlight !== 1) throw new Error(`in flight is ${drain.inFlight}, not 1`)
  response.emit('finish')
  response.emit('close')
}

function noop() {}

/** What is in front of the application's listener, its drain, and a socket of its server. */
const drains = new Map()
const sockets = new Map()
function front(attach) {
  const server = createServer(noop)
  const drain = attach(server)
  const socket = new Socket()
  server.emit('connection', Object.assign(socket, { server }))
  const [listener] = server.listeners('request')
  drains.set(listener, drain)
  sockets.set(listener, socket)
  return listener
}
const quiet = { signals: false, logger: false }
const bareSocket = new Socket()

const variants = {
  'bare life cycle': noop,
  'podrain, counting': front((server) => new Drain(quiet).watch(server)),
  'and control endpoints': front((server) => drainServer(server, quiet)),
  "once('close', closure)": (_request, response) => {
    let open = true
    response.once('close', () => {
      open = false
    })
    return open
  },
  'WeakMap + closure': (request, response) => {
    inFlight.set(response, { request, since: performance.now() })
    response.once('close', () => inFlight.delete(response))
  },
}
const inFlight = new WeakMap()

function measure(onRequest) {
  const socket = sockets.get(onRequest) ?? bareSocket
  const begun = process.hrtime.bigint()
  for (let done = 0; done < requests; done++) lifeCycle(socket, onRequest)
  return Number(process.hrtime.bigint() - begun) / requests
}

const times = Object.fromEntries(Object.keys(variants).map((name) => [name, []]))
for (let round = -2; round < rounds; round++) {
  for (const [name, onRequest] of Object.entries(variants)) {
    const time = measure(onRequest)
    if (round >= 0) times[name].push(time) // the first two rounds are for the compiler
  }
}
for (const { inFlight } of drains.values()) if (inFlight !== 0) throw new Error(`in flight is ${inFlight}, not 0`)

const quantile = (list, share) => [...list].sort((a, b) => a - b)[Math.round((list.length - 1) * share)]
const bare = times['bare life cycle']
console.log(
  `Node ${process.version}, ${rounds} rounds of ${requests} requests each; ns per request, median (quartiles)`,
)
for (const [name, list] of Object.entries(times)) {
  const over = list.map((time, round) => time - bare[round])
  const shown = [list, over].map(
    (each) =>
      `${quantile(each, 0.5).toFixed(0)} (${quantile(each, 0.25).toFixed(0)}–${quantile(each, 0.75).toFixed(0)})`,
  )
  console.log(`${name.padEnd(24)} ${shown[0].padEnd(20)} added ${name === 'bare life cycle' ? '—' : shown[1]}`)
}
for (const socket of sockets.values()) socket.destroy()
for (const drain of drains.values()) void drain.dispose()
