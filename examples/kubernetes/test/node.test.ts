import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, onTestFinished, test } from 'vitest'

interface Program {
  readonly process: ChildProcess
  readonly lines: string[]
  readonly exit: Promise<unknown[]>
  line(pattern: RegExp): Promise<RegExpExecArray>
}

function start(file: string, env: Record<string, string>): Program {
  const { KUBERNETES_SERVICE_HOST: _, ...inherited } = process.env
  const child = spawn(process.execPath, [join(import.meta.dirname, '..', file)], {
    env: { ...inherited, PORT: '0', HOST: '127.0.0.1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  const news = new EventEmitter()
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      news.emit('some')
    })
  }
  return {
    process: child,
    lines,
    exit: once(child, 'close'),
    async line(pattern) {
      for (;;) {
        for (const line of lines) {
          const match = pattern.exec(line)
          if (match) return match
        }
        if (child.exitCode !== null) throw new Error(`exited without ${pattern}:\n${lines.join('\n')}`)
        await Promise.race([once(news, 'some'), once(child, 'close')])
      }
    },
  }
}

async function serve(
  handler: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<string> {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    handler(request, response, body)
  })
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const short = { TERMINATION_GRACE_PERIOD_SECONDS: '10' }
/** The variable that a pod has, so that the drain waits for load balancers. */
const inCluster = { KUBERNETES_SERVICE_HOST: '10.96.0.1' }

describe('worker.js', () => {
  test('is busy while it has a job, and finishes the job after SIGTERM', async () => {
    const worker = start('worker.js', short)
    const [, port] = await worker.line(/^listening .*port: (\d+)/)
    const url = `http://127.0.0.1:${port}`
    expect((await fetch(`${url}/busyz`)).status).toBe(200)
    // Longer than the wait for load balancers, so that the drain waits for the job.
    expect((await fetch(`${url}/jobs?ms=6500`, { method: 'POST' })).status).toBe(202)
    expect((await fetch(`${url}/busyz`)).status).toBe(503)
    expect(await (await fetch(`${url}/drainz`)).json()).toMatchObject({ tasks: ['job'] })
    worker.process.kill('SIGTERM')
    expect(await worker.exit).toEqual([0, null])
    expect(worker.lines.join('\n')).toMatch(/draining because of SIGTERM: .*tasks: job.*after SIGTERM; nothing cut/s)
  })
})

describe('registry.js', () => {
  interface Registry {
    readonly url: string
    readonly services: Map<string, { Port: number }>
    readonly calls: string[]
  }

  /** The part of a Consul agent's API that the example uses. */
  async function registry(): Promise<Registry> {
    const services = new Map<string, { Port: number }>()
    const calls: string[] = []
    const url = await serve((request, response, body) => {
      const [, verb = '', id = ''] =
        /^\/v1\/agent\/service\/(register|deregister)\/?(.*)$/.exec(request.url ?? '') ?? []
      calls.push(`${request.method} ${verb}`)
      if (verb === 'register') services.set(JSON.parse(body).ID, JSON.parse(body))
      else if (!services.delete(id)) response.statusCode = 404
      response.end()
    })
    return { url, services, calls }
  }

  test('is in the registry while it serves, leaves it when the drain begins, and still answers', async () => {
    const { url, services, calls } = await registry()
    const web = start('registry.js', { ...short, ...inCluster, REGISTRY: url, HOSTNAME: 'web-1' })
    const [, port] = await web.line(/^listening .*port: (\d+)/)
    expect(services.get('web-1')).toMatchObject({ Name: 'web', Port: Number(port) })
    web.process.kill('SIGTERM')
    await expect.poll(() => services.size).toBe(0)
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('ok')
    expect(await web.exit).toEqual([0, null])
    expect(calls).toEqual(['PUT register', 'PUT deregister'])
  })

  test('registers again when no signal follows the hook', async () => {
    const { url, services, calls } = await registry()
    const web = start('registry.js', {
      ...inCluster,
      TERMINATION_GRACE_PERIOD_SECONDS: '8',
      REGISTRY: url,
      HOSTNAME: 'web-1',
    })
    const [, port] = await web.line(/^listening .*port: (\d+)/)
    await (await fetch(`http://127.0.0.1:${port}/prestop`)).text()
    expect(services.size).toBe(0)
    await web.line(/serving again/)
    await expect.poll(() => calls).toEqual(['PUT register', 'PUT deregister', 'PUT register'])
    expect(services.has('web-1')).toBe(true)
  })
})

describe('task-controller.js', () => {
  test('keeps status.activeTasks equal to the tasks of the pods, and keeps the last number of a pod that does not respond', async () => {
    let tasks: string[] | undefined = ['job', 'job']
    const pod = await serve((_request, response) => {
      if (tasks) response.end(JSON.stringify({ state: 'serving', inFlight: 0, tasks }))
      else response.destroy()
    })
    const statuses: unknown[] = []
    const types: unknown[] = []
    let status: { activeTasks?: number } = {}
    const base = '/apis/podrain.example.com/v1/namespaces/default/tasks'
    const api = await serve((request, response, body) => {
      response.setHeader('content-type', 'application/json')
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://api')
      if (request.method === 'PATCH' && pathname === `${base}/import/status`) {
        types.push(request.headers['content-type'])
        status = JSON.parse(body).status
        statuses.push(status)
        response.end('{}')
      } else if (pathname === base) {
        response.end(JSON.stringify({ items: [{ metadata: { name: 'import' }, status }] }))
      } else if (searchParams.get('labelSelector') === 'podrain.example.com/task=import') {
        const one = { metadata: { name: 'import-1', uid: '1' }, status: { podIP: '127.0.0.1' } }
        const starting = { metadata: { name: 'import-2', uid: '2' }, status: {} }
        response.end(JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: [one, starting] }))
      } else response.writeHead(404).end('{}')
    })
    const controller = start('task-controller.js', { API: api, POD_PORT: new URL(pod).port, EVERY: '20' })
    await expect.poll(() => statuses).toEqual([{ activeTasks: 2 }])
    expect(types[0]).toBe('application/merge-patch+json')
    tasks = undefined
    await controller.line(/^import-1: fetch failed/)
    tasks = []
    await expect.poll(() => statuses).toEqual([{ activeTasks: 2 }, { activeTasks: 0 }])
    controller.process.kill('SIGTERM')
    expect(await controller.exit).toEqual([0, null])
  })
})
