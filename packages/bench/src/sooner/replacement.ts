import { fork } from 'node:child_process'
import { once, setMaxListeners } from 'node:events'
import { Agent, get } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ClusterApi } from './cluster.js'

/** The clients: how many, the milliseconds from a response to the next request, and whether a connection is kept alive. */
const clients = {
  slow: { count: 30, pause: () => 1000 + Math.random() * 7000, kept: true },
  kept: { count: 8, pause: () => 50, kept: true },
  opening: { count: 6, pause: () => 50, kept: false },
} as const

/** Milliseconds from the deletion until kube-proxy sends no new connections to the pod. */
const proxyFollows = 1200
/** Milliseconds of load before the deletion. */
const before = 9000

export interface Replacement {
  readonly followed: boolean
  /** Seconds from the deletion of the old pod to its exit. */
  readonly gone: number
  readonly requests: number
  readonly lost: number
}

/** Replaces one of two pods under load, as a kubelet and kube-proxy would. */
export async function replace(followed: boolean): Promise<Replacement> {
  const api = new ClusterApi()
  const server = await api.listen()
  const pods = await Promise.all([podOf(followed ? server : undefined), podOf(undefined)])
  const [old] = pods
  let endpoints = pods.map(({ port }) => port)
  const counts = { requests: 0, lost: 0 }
  const over = new AbortController()
  setMaxListeners(0, over.signal)
  const load = Object.values(clients).flatMap(({ count, pause, kept }) =>
    Array.from({ length: count }, async () => {
      // The client keeps an idle connection for 4 s, as Node's `fetch` does. That is less than the server's keepAliveTimeout of 5 s.
      const agent = new Agent({ keepAlive: kept, maxSockets: 1, timeout: 4000 })
      // The Service sends each new connection to one of its pods.
      agent.createConnection = () => {
        const port = endpoints[Math.floor(Math.random() * endpoints.length)] ?? 0
        return connect({ port, host: '127.0.0.1' })
      }
      while (!over.signal.aborted) {
        counts.requests++
        if (!(await isAnswered(agent))) counts.lost++
        await sleep(pause(), undefined, { signal: over.signal }).catch(() => {})
      }
      agent.destroy()
    }),
  )
  await sleep(before)
  const deleted = performance.now()
  api.delete()
  void sleep(proxyFollows).then(() => {
    endpoints = endpoints.slice(1)
  })
  await sleep(10)
  const hook = get({ port: old.port, host: '127.0.0.1', path: '/prestop', agent: false })
  const [answer] = await once(hook, 'response')
  answer.resume()
  await once(answer, 'end')
  old.process.kill('SIGTERM')
  await once(old.process, 'exit')
  const gone = (performance.now() - deleted) / 1000
  await sleep(1000)
  over.abort()
  await Promise.all(load)
  pods[1].process.kill('SIGKILL')
  api.close()
  return { followed, gone, ...counts }
}

async function podOf(api: string | undefined): Promise<{ process: ReturnType<typeof fork>; port: number }> {
  const process = fork(join(__dirname, 'pod.js'), { env: { ...globalThis.process.env, ...(api ? { API: api } : {}) } })
  const [port] = await once(process, 'message')
  return { process, port }
}

function isAnswered(agent: Agent): Promise<boolean> {
  return new Promise((resolve) => {
    get({ host: 'web', port: 80, path: '/', agent }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode === 200))
      response.on('error', () => resolve(false))
    }).on('error', () => resolve(false))
  })
}
