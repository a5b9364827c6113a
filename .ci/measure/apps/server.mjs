/** An existing application. Its argument is JSON with the framework, its own SIGTERM handler, and whether podrain is added. */
import http from 'node:http'
import { createRequire } from 'node:module'

const { framework, handler, header = 'none', podrain = true, version, port = 0 } = JSON.parse(process.argv[2])
const load = (name) => createRequire(new URL(`../../../packages/${name}/package.json`, import.meta.url))
const answer = version ? (await import(version)).default : 'ok'

const headers = {
  none: (response) => response,
  setHeader: (response) => response.setHeader('Connection', 'keep-alive'),
  writeHead: (response) => response.writeHead(200, { Connection: 'keep-alive', 'Keep-Alive': 'timeout=60' }),
  'raw list': (response) => response.writeHead(200, ['Connection', 'keep-alive']),
}

let close = () => {}
let server
switch (framework) {
  case 'node:http':
    server = http.createServer((_request, response) => void headers[header](response).end(answer))
    if (podrain) load('core')('@podrain/core').drainServer(server)
    break
  case 'Express': {
    const app = load('express')('express')()
    if (podrain) app.use(load('express')('@podrain/express').drain())
    app.get('/', (_request, response) => void response.send(answer))
    server = http.createServer(app)
    break
  }
  case 'Koa': {
    const app = new (load('koa')('koa'))()
    if (podrain) app.use(load('koa')('@podrain/koa').drain())
    app.use((context) => {
      context.body = answer
    })
    server = http.createServer(app.callback())
    break
  }
  case 'Fastify': {
    const app = load('fastify')('fastify')()
    if (podrain) await app.register(load('fastify')('@podrain/fastify').gracefulShutdown)
    app.get('/', async () => answer)
    await app.ready()
    close = () => app.close()
    server = app.server
    break
  }
}

const ways = {
  'server.close()': () => server.close(),
  'server.close(exit)': () => void server.close(() => process.exit(0)),
  exit: () => process.exit(0),
  'app.close()': () => close(),
  'raises the signal again': (signal) => {
    process.off(signal, onSignal)
    process.kill(process.pid, signal)
  },
}
function onSignal(signal) {
  console.log('own handler')
  return ways[handler](signal)
}
if (handler) process.on('SIGTERM', onSignal)

server.listen(port, '127.0.0.1', () => console.log(`listening ${server.address().port}`))
