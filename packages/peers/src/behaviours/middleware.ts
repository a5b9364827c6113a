import { strict as assert } from 'node:assert'
import type { Server } from 'node:http'
import { each, room, unready } from '@podrain/contract'
import supertest from 'supertest'
import { type Mount, mounted, type OurStage } from '../subjects/subject.js'
import { type OurNeed, ours } from './behaviour.js'

const mounts: readonly Mount[] = [
  'first',
  'last',
  'in a router',
  'behind “trust proxy”',
  'behind a body parser',
  'behind compression',
  'behind helmet',
  'behind authentication',
  'behind a redirect',
]

/** Wherever the middleware is mounted, the control endpoints respond and the drain waits for requests. */
export const middleware = room<OurNeed>('The middleware', ['middleware'], 'Mount `drain()` as the README says.', {
  ...each<Mount, OurNeed>(mounts, (mount) => [
    `mounted ${mount}, the middleware answers the kubelet and waits for requests in flight`,
    [mounted(mount), ours(drains)],
  ]),

  'mounted behind “trust proxy”, the middleware does not start the drain for a request through a proxy': [
    mounted('behind “trust proxy”'),
    async (stage) => {
      const stranger = { ...user, 'x-forwarded-for': '203.0.113.7' }
      assert.equal((await stage.ask('/prestop', { headers: stranger })).status, 404)
      assert.equal((await stage.ask('/readyz')).status, 200)
      await stage.endsClean()
    },
  ],

  'requests by supertest, which opens a server for each, leave nothing in flight and do not delay the exit': [
    'plain',
    { listening: false },
    ours(async (stage) => {
      const server = stage.running.server as Server
      for (let round = 0; round < 10; round++) {
        await supertest(server).get('/').expect(200, 'hello')
        await supertest(server).get('/readyz').expect(200)
        await supertest(server).get('/throws').expect(500)
      }
      await stage.noneInFlight()
      assert.equal(server.listening, false)
      await stage.endsClean()
    }),
  ],
})

/** The headers of a request that passes the authentication and the redirect. */
const user = { authorization: 'Bearer user', 'x-forwarded-proto': 'https' }

async function drains(stage: OurStage): Promise<void> {
  const letGo = await stage.hold(user)
  assert.equal(stage.inFlight, 1)
  for (const path of ['/readyz', '/livez', '/drainz']) {
    // A client that accepts compressed responses.
    const { status } = await stage.ask(path, { headers: { 'accept-encoding': 'gzip, deflate' } })
    assert.equal(status, 200, path)
  }
  const hook = stage.ask('/prestop')
  await unready(stage)
  assert.equal((await stage.ask('/livez')).status, 200)
  const upload = await stage.ask('/upload', { method: 'POST', headers: user, body: 'text' })
  assert.equal(upload.body, '4 bytes')
  await letGo()
  assert.equal((await hook).status, 200)
  assert.equal((await stage.ask('/', { headers: user })).body, 'hello')
  await stage.endsClean()
  assert.equal(stage.inFlight, 0)
}
