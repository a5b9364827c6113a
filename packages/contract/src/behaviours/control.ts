import { strict as assert } from 'node:assert'
import { inside, type Room, room, type See } from '../behaviour.js'
import type { Answer } from '../clients.js'
import { eventually, type Stage } from '../stage.js'
import { remedies } from './remedies.js'

/** What the kubelet asks for, and what others get who ask for it. */
export const control: Room = room('Control endpoints', [], remedies.probes, {
  'the readiness probe gets 200 before the signal and 503 after it': ['slow', 'ready', saysThen('/readyz', 503)],

  'the liveness probe gets 200 before the signal and after it': ['slow', 'live', saysThen('/livez', 200)],

  'the preStop hook makes the pod unready, and completes after the last request in flight': [
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

  'after the preStop hook, a request on a new connection is answered': [
    'hook',
    { remedy: remedies.hook },
    async (stage) => {
      assert.equal((await stage.ask('/prestop')).status, 200)
      await stage.answers('/')
      await stage.endsClean()
    },
  ],

  'a preStop hook that is running at the signal completes, and the request in flight is answered': [
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

  'if the connection of the preStop hook breaks, the pod stays unready and answers requests': [
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

  '/drainz shows the number of requests in flight and the oldest of them': [
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

  '/drainz shows the path that the client requested, even if the application rewrites the URL': [
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

  '/readyz accepts a query, a trailing slash, and HEAD': [
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

  'HEAD, POST and OPTIONS requests to the preStop path do not start the drain': [
    'ready',
    'hook',
    { remedy: remedies.strangers },
    async (stage) => {
      for (const method of ['HEAD', 'POST', 'OPTIONS']) await stage.ask('/prestop', { method })
      assert.equal((await stage.ask('/readyz')).status, 200)
      await stage.endsClean()
    },
  ],

  'a request to /prestop through a proxy gets the 404 of an unknown path': [
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

  'a browser’s request to the preStop path does not start the drain': [
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

  'probes and scrapes that continue during the drain do not delay the exit': [
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

  'the control endpoints respond over both HTTP/1.1 and HTTP/2': [
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
