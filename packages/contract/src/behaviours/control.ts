import { strict as assert } from 'node:assert'
import { inside, type Room, room, type See } from '../behaviour.js'
import type { Answer } from '../clients.js'
import { eventually, type Stage } from '../stage.js'
import { remedies } from './remedies.js'

/** What the kubelet asks for, and what others get who ask for it. */
export const control: Room = room('Control endpoints', [], remedies.probes, {
  '/readyz says 200 until the signal and 503 from then on': ['slow', 'ready', saysThen('/readyz', 503)],

  '/livez says 200 throughout: a pod that drains must not be killed for it': ['slow', 'live', saysThen('/livez', 200)],

  '/prestop takes the pod out of service at once, and is answered after the last request': [
    'slow',
    'ready',
    'hook',
    { remedy: remedies.hook },
    async (stage) => {
      const letGo = await stage.hold()
      const order: string[] = []
      const hook = stage.ask('/prestop').then((answer) => {
        order.push('hook')
        return answer
      })
      await unready(stage)
      await letGo().then(() => order.push('request'))
      assert.equal((await hook).status, 200)
      assert.deepEqual(order, ['request', 'hook'])
      await stage.endsClean()
    },
  ],

  '/prestop closes nothing: a client that comes after it is answered': [
    'hook',
    { remedy: remedies.hook },
    async (stage) => {
      assert.equal((await stage.ask('/prestop')).status, 200)
      await stage.answers('/')
      await stage.endsClean()
    },
  ],

  'a signal while /prestop waits ends it: the hook is answered, and so is the request': [
    // The signal then says that the grace period is over: two seconds are left, and a request of a second process takes longer.
    'inside',
    'ready',
    'hook',
    { remedy: remedies.hook },
    async (stage) => {
      const letGo = await stage.hold()
      const hook = stage.ask('/prestop')
      await unready(stage)
      const end = stage.terminate()
      await letGo()
      assert.equal((await hook).status, 200)
      assert.equal(await end, 0)
    },
  ],

  'a caller of /prestop that hangs up changes nothing': [
    'http1',
    'slow',
    'ready',
    'hook',
    { remedy: remedies.hook },
    async (stage) => {
      const letGo = await stage.hold()
      const hook = (await stage.wire()).get('/prestop')
      await unready(stage)
      hook.abort()
      await hook.gone()
      assert.equal((await stage.ask('/readyz')).status, 503)
      await stage.answers('/')
      await letGo()
      await stage.endsClean()
    },
  ],

  '/drainz says what is waited for': [
    'inside',
    'endpoints',
    inside(async (stage) => {
      const letGo = await stage.hold()
      const status = JSON.parse((await stage.ask('/drainz')).body)
      assert.equal(status.inFlight, 1)
      assert.equal(status.state, 'serving')
      assert.equal(status.oldest.path, '/held')
      await letGo()
      await stage.noneInFlight()
      assert.equal(JSON.parse((await stage.ask('/drainz')).body).inFlight, 0)
      await stage.endsClean()
    }),
  ],

  '/drainz names a request as its client did, whatever the application makes of its URL': [
    'inside',
    'endpoints',
    async (stage) => {
      const answer = stage.ask('/mounted/held?secret=1')
      await stage.arrived
      assert.equal(JSON.parse((await stage.ask('/drainz')).body).oldest.path, '/mounted/held')
      stage.release()
      await answer
      await stage.endsClean()
    },
  ],

  'a query, a slash at the end and HEAD make no difference': [
    'inside',
    'endpoints',
    async (stage) => {
      for (const path of ['/readyz?verbose=1', '/readyz/', '/readyz/?a=b']) {
        assert.equal((await stage.ask(path)).status, 200, path)
      }
      const { status, body } = await stage.ask('/readyz', { method: 'HEAD' })
      assert.deepEqual({ status, body }, { status: 200, body: '' })
      await stage.endsClean()
    },
  ],

  'only GET drains': [
    'ready',
    'hook',
    { remedy: remedies.strangers },
    async (stage) => {
      for (const method of ['HEAD', 'POST', 'OPTIONS']) await stage.ask('/prestop', { method })
      assert.equal((await stage.ask('/readyz')).status, 200)
      await stage.endsClean()
    },
  ],

  'a stranger who comes through a proxy gets of /prestop what any unknown path gets': [
    'inside',
    'endpoints',
    { remedy: remedies.strangers },
    async (stage) => {
      const headers = { 'x-forwarded-for': '203.0.113.7' }
      const refused = await stage.ask('/prestop', { headers })
      const unknown = await stage.ask('/unknown', { headers })
      assert.equal(refused.status, 404)
      assert.equal(refused.body.replace('prestop', 'unknown'), unknown.body)
      assert.deepEqual(namesOf(refused), namesOf(unknown))
      assert.equal((await stage.ask('/readyz')).status, 200)
      await stage.endsClean()
    },
  ],

  'a page in a browser cannot drain': [
    'ready',
    'hook',
    { remedy: remedies.strangers },
    async (stage) => {
      const image = {
        'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0',
        referer: 'https://page.example/',
        'sec-fetch-site': 'cross-site',
        'sec-fetch-mode': 'no-cors',
        'sec-fetch-dest': 'image',
      }
      for (const [name, value] of Object.entries(image)) {
        assert((await stage.ask('/prestop', { headers: { [name]: value } })).status >= 400, name)
      }
      assert.equal((await stage.ask('/readyz')).status, 200)
      await stage.endsClean()
    },
  ],

  'a kubelet and a scraper that go on asking do not hold the end': [
    'ready',
    'live',
    async (stage) => {
      const asked: Promise<unknown>[] = []
      const paths = ['/readyz', '/livez', '/']
      const timer = setInterval(() => {
        const path = paths[asked.length % paths.length] as string
        asked.push(stage.ask(path, { headers: { 'user-agent': 'kube-probe/1.34' } }).catch(() => 'gone'))
      }, stage.terms.keepAlive / 4)
      stage.client(() => clearInterval(timer))
      await stage.endsClean()
      clearInterval(timer)
      await Promise.all(asked)
      assert(asked.length >= 3, 'too few to hold anything')
    },
  ],

  'they answer over both protocols where the server speaks both': [
    'inside',
    'http1',
    'http2',
    'endpoints',
    async (stage) => {
      for (const path of ['/readyz', '/livez', '/drainz']) {
        assert.equal((await stage.ask(path)).status, 200, `${path} over HTTP/1`)
        assert.equal((await stage.ask(path, { over: 2 })).status, 200, `${path} over HTTP/2`)
      }
      assert.equal((await stage.ask('/prestop', { over: 2 })).status, 200)
      assert.equal((await stage.ask('/readyz')).status, 503)
      await stage.endsClean()
    },
  ],
})

/** 200 before the signal, and this after it. */
function saysThen(path: string, status: number): See {
  return async (stage) => {
    const letGo = await stage.hold()
    assert.equal((await stage.ask(path)).status, 200)
    const end = stage.terminate()
    await stage.heard
    assert.equal((await stage.ask(path)).status, status)
    await letGo()
    assert.equal(await end, 0)
  }
}

/** Waits until the pod says that it is not ready. */
export function unready(stage: Stage): Promise<void> {
  return eventually(
    async () => (await stage.ask('/readyz')).status === 503,
    () => '/readyz does not say 503',
  )
}

/** The names of the headers, for a comparison. */
function namesOf({ headers }: Answer): string[] {
  return Object.keys(headers).sort()
}
