// What the reader of a snippet has already, as globals: a snippet that declares a name of its own does not see ours. And `listen(8080)`
// is on loopback, on a port that is free. It says on which, and when the program listens to SIGTERM.
const dns = require('node:dns')
const { createRequire } = require('node:module')
const { Server } = require('node:net')
const { join } = require('node:path')

const { FRAMEWORK } = process.env
const fromHere = createRequire(join(process.cwd(), 'server.js'))

const given = {
  pool: () => ({ query: async () => 'row', end: async () => {} }),
  handler: () => (_request, response) => response.end('hello'),
  app: () => {
    const framework = fromHere(FRAMEWORK)
    return FRAMEWORK === 'koa' ? new framework.default() : framework()
  },
  drain: () => fromHere(`@podrain/${FRAMEWORK}`).drain,
  podrain: () => {
    const podrain = globalThis.drain()
    globalThis.app.use(podrain)
    return podrain
  },
  AppModule: () => {
    class AppModule {}
    fromHere('@nestjs/common').Module({})(AppModule)
    return AppModule
  },
}

for (const [name, make] of Object.entries(given)) {
  let value
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get: () => {
      value ??= make()
      return value
    },
  })
}

const { listen } = Server.prototype
Server.prototype.listen = function listenOnLoopback(...args) {
  if (typeof args[0] === 'string' || args[0]?.path !== undefined) return listen.apply(this, args) // a unix socket
  this.once('listening', () => console.log(`listening ${this.address().port}`))
  return listen.call(this, 0, '127.0.0.1', ...args.filter((arg) => typeof arg === 'function'))
}

// Fastify opens a server for each address of localhost. Here there is one, which listens when this says so.
const { lookup } = dns
dns.lookup = (name, options, callback) => {
  if (name !== 'localhost' || !options.all) return lookup(name, options, callback)
  process.nextTick(callback, null, [{ address: '127.0.0.1', family: 4 }])
}

process.on('newListener', (event) => {
  if (event === 'SIGTERM') console.log('hears SIGTERM')
})
