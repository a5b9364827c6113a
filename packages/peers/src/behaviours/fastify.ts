import { strict as assert } from 'node:assert'
import dns, { type LookupOptions } from 'node:dns'
import type { AddressInfo } from 'node:net'
import { delivers, each, type Held, listen, outlastsSettling, room, unready, Wire } from '@podrain/contract'
import type { FastifyInstance } from 'fastify'
import { type OurStage, withParts } from '../subjects/subject.js'
import { type OurNeed, ours } from './behaviour.js'

const forces = [true, 'idle', false] as const
const sides = ['before', 'after'] as const
type Force = (typeof forces)[number]
type Side = (typeof sides)[number]

/** The drain works with Fastify's own options, hooks and plugins. */
export const fastify = room<OurNeed>('Fastify', ['fastify'], 'Register the plugin as the README says.', {
  ...each<Force, OurNeed>(forces, (forceCloseConnections) => [
    `with forceCloseConnections: ${forceCloseConnections}, a request in flight gets its complete response`,
    [...needed(forceCloseConnections), withParts(() => ({ options: { forceCloseConnections } })), outlastsSettling],
  ]),
  ...each<Force, OurNeed>(forces, (forceCloseConnections) => [
    `with forceCloseConnections: ${forceCloseConnections}, a large response reaches a slow client in full`,
    [
      ...needed(forceCloseConnections),
      withParts(() => ({ options: { forceCloseConnections } })),
      (stage) => delivers(stage, '/big'),
    ],
  ]),
  ...each<Force, OurNeed>(forces, (forceCloseConnections) => [
    `with forceCloseConnections: ${forceCloseConnections}, an idle connection does not delay the exit`,
    ['http1', withParts(() => ({ options: { forceCloseConnections } })), ours(endsIdle)],
  ]),

  ...each<boolean, OurNeed>([true, false], (return503OnClosing) => [
    `with return503OnClosing: ${return503OnClosing}, requests during the drain are answered`,
    [withParts(() => ({ options: { return503OnClosing } })), ours(answersWhileDraining)],
  ]),

  'a request that only a preClose hook ends gets its complete response': [
    {
      terms: { grace: 2000 },
      ...withParts(({ release }) => ({ after: (app) => app.addHook('preClose', async () => release.open()) })),
    },
    ours(async (stage) => {
      const answer = stage.ask('/held')
      await stage.arrived
      const end = stage.terminate()
      assert.equal((await answer).body, 'held')
      assert.equal(await end, 0)
    }),
  ],

  'after the last response, preClose hooks run, then onClose hooks, then drain.onClose() hooks': [
    withParts(({ notes }) => ({
      after(app) {
        app.addHook('onResponse', async ({ url }) => void (url === '/held' && notes.push('response')))
        app.addHook('preClose', async () => void notes.push('preClose'))
        app.addHook('onClose', async () => void notes.push('onClose'))
        app.drain.onClose(() => void notes.push('drain.onClose'))
      },
    })),
    ours(async (stage) => {
      const letGo = await stage.hold()
      const end = stage.terminate()
      await stage.ask('/')
      await letGo()
      assert.equal(await end, 0)
      assert.deepEqual(stage.notes, ['response', 'preClose', 'onClose', 'drain.onClose'])
    }),
  ],

  ...each<Side, OurNeed>(sides, (when) => [
    `an onRequest hook that refuses every request, registered ${when} the plugin, does not refuse the kubelet`,
    [withParts(() => ({ [when]: refuseStrangers })), ours(answersKubelet)],
  ]),

  ...each<Side, OurNeed>(sides, (when) => [
    `a request that waits in an onRequest hook, registered ${when} the plugin, gets its response`,
    [withParts((held) => ({ [when]: (app: FastifyInstance) => holdBack(app, held) })), ours(answersHookHeld)],
  ]),

  'registered in an encapsulated context, the plugin serves the whole application': [
    withParts(() => ({ scoped: true })),
    ours(async (stage) => {
      const letGo = await stage.hold()
      const end = stage.terminate()
      await unready(stage)
      assert.equal((await stage.ask('/')).body, 'hello')
      await letGo()
      assert.equal(await end, 0)
    }),
  ],

  'a request to a route with a prefix counts as in flight and is answered': [
    withParts((held) => ({
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
    })),
    ours(async (stage) => {
      const answer = stage.ask('/scope/held')
      await stage.arrived
      assert.equal(stage.inFlight, 1)
      const end = stage.terminate()
      stage.release()
      assert.equal((await answer).body, 'held in a scope')
      assert.equal(await end, 0)
    }),
  ],

  'inject() adds nothing to the count of requests in flight, and works during the drain': ours(async (stage) => {
    const letGo = await stage.hold()
    for (const path of ['/', '/nowhere', '/throws', '/readyz']) await appOf(stage).inject(path)
    assert.equal(stage.inFlight, 1)
    const end = stage.terminate()
    assert.equal((await appOf(stage).inject('/')).body, 'hello')
    assert.equal((await appOf(stage).inject('/readyz')).statusCode, 503)
    assert.equal(stage.inFlight, 1)
    await letGo()
    assert.equal(await end, 0)
  }),

  'an onClose hook that hangs does not delay the exit past the deadline, and the exit code is not 0': [
    {
      terms: { grace: 2000 },
      ...withParts((held) => ({ after: (app) => app.addHook('onClose', () => held.release.opened) })),
    },
    ours(async (stage) => assert.notEqual(await stage.terminate(), 0)),
  ],

  'if an onClose hook fails, the exit code is not 0': [
    withParts(() => ({
      after: (app) =>
        app.addHook('onClose', async () => {
          throw new Error('on purpose')
        }),
    })),
    ours(async (stage) => assert.notEqual(await stage.terminate(), 0)),
  ],

  'after app.close(), the kubelet is answered while the hooks run': [
    withParts((held) => ({
      after: (app) =>
        app.addHook('preClose', async () => {
          held.arrived.open()
          await held.release.opened
        }),
    })),
    ours(async (stage) => {
      const closed = appOf(stage).close()
      await stage.arrived
      assert.equal((await stage.ask('/livez')).status, 200)
      assert.equal((await stage.ask('/drainz')).status, 200)
      assert.equal((await stage.ask('/prestop')).status, 200)
      assert.equal((await stage.ask('/readyz')).status, 503)
      stage.release()
      await closed
      assert.equal(stage.running.drain?.state, 'closed')
    }),
  ],

  ...each<'idle' | false, OurNeed>(['idle', false], (forceCloseConnections) => [
    `with forceCloseConnections: ${forceCloseConnections}, app.close() does not wait for five hundred idle connections`,
    [
      'plain',
      // Longer than the time limit of a test.
      withParts(() => ({ options: { forceCloseConnections, keepAliveTimeout: 600_000 } })),
      ours(closesByHand),
    ],
  ]),

  'requests on every address that listen({ host: "localhost" }) opens count as in flight and are answered': [
    'plain',
    { listening: false },
    ours(async (stage) => {
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
    }),
  ],
})

/** `forceCloseConnections: 'idle'` needs HTTP/1, because Fastify does not know which HTTP/2 sessions are idle. */
function needed(force: Force): OurNeed[] {
  return force === 'idle' ? ['http1'] : []
}

async function endsIdle(stage: OurStage): Promise<void> {
  const wire = await stage.idleWire()
  await stage.endsClean()
  await wire.gone()
  assert.equal(wire.broken, undefined)
}

async function answersWhileDraining(stage: OurStage): Promise<void> {
  const letGo = await stage.hold()
  const end = stage.terminate()
  for (let client = 0; client < 5; client++) assert.equal((await stage.ask('/later')).body, 'later')
  await letGo()
  assert.equal(await end, 0)
}

function refuseStrangers(app: FastifyInstance): void {
  app.addHook('onRequest', async (_request, reply) => reply.code(401).send('who are you?'))
}

async function answersKubelet(stage: OurStage): Promise<void> {
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

async function answersHookHeld(stage: OurStage): Promise<void> {
  const answer = stage.ask('/later')
  await stage.arrived
  assert.equal(stage.inFlight, 1)
  const end = stage.terminate()
  setTimeout(() => stage.release(), 2 * stage.terms.settle)
  assert.equal((await answer).body, 'later')
  assert.equal(await end, 0)
}

async function closesByHand(stage: OurStage): Promise<void> {
  const wires = await Promise.all(Array.from({ length: 500 }, () => stage.idleWire()))
  await appOf(stage).close()
  await Promise.all(wires.map((wire) => wire.gone()))
}

/** Listens on `localhost`. dns.lookup() is replaced, because `localhost` does not have two addresses on every machine. */
async function listenOnLocalhost(stage: OurStage): Promise<{ host: string; port: number }[]> {
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
  const bound = appOf(stage).addresses() as AddressInfo[]
  assert.equal(bound.length, named.length)
  return bound.map(({ address, port }) => ({ host: address, port }))
}

/** The Fastify application. */
function appOf({ running }: OurStage): FastifyInstance {
  assert(running.fastify, 'this is no Fastify')
  return running.fastify
}
