import { strict as assert } from 'node:assert'
import dns, { type LookupOptions } from 'node:dns'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { each, room } from '../behaviour.js'
import type { Need } from '../needs.js'
import type { Held } from '../routes.js'
import { listen, type Stage } from '../stage.js'
import { Wire } from '../wire.js'
import { unready } from './control.js'
import { delivers } from './delivery.js'
import { outlastsSettling } from './serving.js'

const forces = [true, 'idle', false] as const
const sides = ['before', 'after'] as const

/** What Fastify's own options, hooks and plugins must not take away. */
export const fastify = room('Fastify', ['fastify'], {
  ...each(forces, (forceCloseConnections) => [
    `with forceCloseConnections: ${forceCloseConnections}, a request in flight is answered whole`,
    [...needed(forceCloseConnections), { fastify: () => ({ options: { forceCloseConnections } }) }, outlastsSettling],
  ]),
  ...each(forces, (forceCloseConnections) => [
    `with forceCloseConnections: ${forceCloseConnections}, 20 MB reach a slow reader whole`,
    [
      ...needed(forceCloseConnections),
      { fastify: () => ({ options: { forceCloseConnections } }) },
      (stage) => delivers(stage, '/big'),
    ],
  ]),
  ...each(forces, (forceCloseConnections) => [
    `with forceCloseConnections: ${forceCloseConnections}, an idle client does not hold the end`,
    ['http1', { fastify: () => ({ options: { forceCloseConnections } }) }, endsIdle],
  ]),

  ...each([true, false], (return503OnClosing) => [
    `with return503OnClosing: ${return503OnClosing}, requests that come while it drains are answered`,
    [{ fastify: () => ({ options: { return503OnClosing } }) }, answersWhileDraining],
  ]),

  'a request that only a preClose hook ends is answered whole, when the last time begins': [
    {
      terms: { grace: 2000 },
      fastify: ({ release }) => ({ after: (app) => app.addHook('preClose', async () => release.open()) }),
    },
    async (stage) => {
      const answer = stage.ask('/held')
      await stage.arrived
      const end = stage.terminate()
      assert.equal((await answer).body, 'held')
      assert.equal(await end, 0)
    },
  ],

  'preClose hooks run after the last request, then onClose hooks, and then those of the drain': [
    {
      fastify: ({ notes }) => ({
        after(app) {
          app.addHook('onResponse', async ({ url }) => void (url === '/held' && notes.push('response')))
          app.addHook('preClose', async () => void notes.push('preClose'))
          app.addHook('onClose', async () => void notes.push('onClose'))
          app.drain.onClose(() => void notes.push('drain.onClose'))
        },
      }),
    },
    async (stage) => {
      const letGo = await stage.hold()
      const end = stage.terminate()
      await stage.ask('/')
      await letGo()
      assert.equal(await end, 0)
      assert.deepEqual(stage.notes, ['response', 'preClose', 'onClose', 'drain.onClose'])
    },
  ],

  ...each(sides, (when) => [
    `an onRequest hook that refuses everyone, registered ${when} it, does not keep the kubelet out`,
    [{ fastify: () => ({ [when]: refuseStrangers }) }, answersKubelet],
  ]),

  ...each(sides, (when) => [
    `a request that waits in an onRequest hook, registered ${when} it, is waited for`,
    [{ fastify: (held) => ({ [when]: (app: FastifyInstance) => holdBack(app, held) }) }, answersHookHeld],
  ]),

  'registered in a scope of its own it serves the whole application': [
    { fastify: () => ({ scoped: true }) },
    async (stage) => {
      const letGo = await stage.hold()
      const end = stage.terminate()
      await unready(stage)
      assert.equal((await stage.ask('/')).body, 'hello')
      await letGo()
      assert.equal(await end, 0)
    },
  ],

  'a route in a plugin with a prefix is waited for': [
    {
      fastify: (held) => ({
        async after(app) {
          await app.register(
            async (scope) => {
              scope.get('/held', async () => {
                held.arrived.open()
                await held.release.opened
                return 'held in a scope'
              })
            },
            { prefix: '/scope' },
          )
        },
      }),
    },
    async (stage) => {
      const answer = stage.ask('/scope/held')
      await stage.arrived
      assert.equal(stage.inFlight, 1)
      const end = stage.terminate()
      stage.release()
      assert.equal((await answer).body, 'held in a scope')
      assert.equal(await end, 0)
    },
  ],

  'inject() leaves no trace, and works while it drains': async (stage) => {
    const letGo = await stage.hold()
    for (const path of ['/', '/nowhere', '/throws', '/readyz']) await stage.fastify.inject(path)
    assert.equal(stage.inFlight, 1)
    const end = stage.terminate()
    assert.equal((await stage.fastify.inject('/')).body, 'hello')
    assert.equal((await stage.fastify.inject('/readyz')).statusCode, 503)
    assert.equal(stage.inFlight, 1)
    await letGo()
    assert.equal(await end, 0)
  },

  'an onClose hook that hangs does not hold it past its deadline, and the exit code is not 0': [
    {
      terms: { grace: 2000 },
      fastify: (held) => ({ after: (app) => app.addHook('onClose', () => held.release.opened) }),
    },
    async (stage) => assert.notEqual(await stage.terminate(), 0),
  ],

  'an onClose hook that fails is not hidden: the exit code is not 0': [
    {
      fastify: () => ({
        after: (app) =>
          app.addHook('onClose', async () => {
            throw new Error('on purpose')
          }),
      }),
    },
    async (stage) => assert.notEqual(await stage.terminate(), 0),
  ],

  'closed by hand, it still answers the kubelet while its hooks run': [
    {
      fastify: (held) => ({
        after: (app) =>
          app.addHook('preClose', async () => {
            held.arrived.open()
            await held.release.opened
          }),
      }),
    },
    async (stage) => {
      const closed = stage.fastify.close()
      await stage.arrived
      assert.equal((await stage.ask('/livez')).status, 200)
      assert.equal((await stage.ask('/drainz')).status, 200)
      assert.equal((await stage.ask('/prestop')).status, 200)
      assert.equal((await stage.ask('/readyz')).status, 503)
      stage.release()
      await closed
      assert.equal(stage.running.drain?.state, 'closed')
    },
  ],

  ...each(['idle', false] as const, (forceCloseConnections) => [
    `closed by hand with forceCloseConnections: ${forceCloseConnections}, it does not wait for five hundred idle clients`,
    ['plain', { fastify: () => ({ options: { forceCloseConnections } }) }, closesByHand],
  ]),

  'requests on every address that listen({ host: "localhost" }) opens are counted and answered': [
    'plain',
    { listening: false },
    async (stage) => {
      const addresses = await listenOnLocalhost(stage)
      const wires = await Promise.all(addresses.map((address) => Wire.open(address)))
      stage.client(() => {
        for (const wire of wires) wire.abort()
      })
      for (const wire of wires) await wire.get('/readyz').until(/200 OK/)
      for (const wire of wires) wire.get('/held')
      await stage.sent('/held', wires.length)
      assert.equal(stage.inFlight, wires.length)
      const end = stage.terminate()
      for (const address of addresses) {
        const probe = await Wire.open(address)
        await probe.get('/readyz').until(/503 /)
        probe.abort()
      }
      stage.release()
      for (const wire of wires) await wire.until(/held$/)
      assert.equal(await end, 0)
    },
  ],
})

/** Fastify does not know which connections of HTTP/2 are idle. */
function needed(force: (typeof forces)[number]): Need[] {
  return force === 'idle' ? ['http1'] : []
}

async function endsIdle(stage: Stage): Promise<void> {
  const wire = await stage.idleWire()
  await stage.endsClean()
  await wire.gone()
  assert.equal(wire.broken, undefined)
}

async function answersWhileDraining(stage: Stage): Promise<void> {
  const letGo = await stage.hold()
  const end = stage.terminate()
  for (let client = 0; client < 5; client++) assert.equal((await stage.ask('/later')).body, 'later')
  await letGo()
  assert.equal(await end, 0)
}

function refuseStrangers(app: FastifyInstance): void {
  app.addHook('onRequest', async (_request, reply) => reply.code(401).send('who are you?'))
}

async function answersKubelet(stage: Stage): Promise<void> {
  assert.equal((await stage.ask('/')).status, 401)
  for (const path of ['/readyz', '/livez', '/drainz', '/prestop'])
    assert.equal((await stage.ask(path)).status, 200, path)
  await stage.endsClean()
}

function holdBack(app: FastifyInstance, held: Held): void {
  app.addHook('onRequest', async ({ url }) => {
    if (url !== '/later') return
    held.arrived.open()
    await held.release.opened
  })
}

async function answersHookHeld(stage: Stage): Promise<void> {
  const answer = stage.ask('/later')
  await stage.arrived
  assert.equal(stage.inFlight, 1)
  const end = stage.terminate()
  setTimeout(() => stage.release(), 2 * stage.terms.settle)
  assert.equal((await answer).body, 'later')
  assert.equal(await end, 0)
}

async function closesByHand(stage: Stage): Promise<void> {
  const wires = await Promise.all(Array.from({ length: 500 }, () => stage.idleWire()))
  const begun = performance.now()
  await stage.fastify.close()
  // Fastify promises its clients 72 s.
  assert(performance.now() - begun < stage.terms.grace)
  await Promise.all(wires.map((wire) => wire.gone()))
}

/** Not every machine calls itself by two addresses, so its names are replaced. */
async function listenOnLocalhost(stage: Stage): Promise<{ host: string; port: number }[]> {
  const { lookup } = dns
  const named = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }))
  dns.lookup = ((host: string, options: LookupOptions, done: (error: null, all: object[]) => void) => {
    if (host === 'localhost' && options.all) done(null, named)
    else lookup(host, options, done as never)
  }) as typeof dns.lookup
  try {
    await listen(stage.running, { host: 'localhost', port: 0 })
  } finally {
    dns.lookup = lookup
  }
  const bound = stage.fastify.addresses() as AddressInfo[]
  assert.equal(bound.length, named.length)
  return bound.map(({ address, port }) => ({ host: address, port }))
}
