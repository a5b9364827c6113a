import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, type TestContext, test } from 'vitest'
import { listen } from './support/listen.js'
import { obstacle, redisServer } from './support/redis.js'
import { Relay } from './support/relay.js'
import { Service } from './support/service.js'

/** The receiver of webhooks. A webhook to /slow is answered when `answer()` is called. */
async function receiver(context: TestContext): Promise<{ url: string; got: string[]; answer(): void }> {
  const got: string[] = []
  const waiting: (() => void)[] = []
  const { url } = await listen(context, (request, response) => {
    got.push(request.url ?? '')
    if (request.url === '/slow') waiting.push(() => response.end())
    else response.end()
  })
  return {
    url,
    got,
    answer() {
      for (const answer of waiting.splice(0)) answer()
    },
  }
}

describe.concurrent('a service with a BullMQ worker', () => {
  let server: Awaited<ReturnType<typeof redisServer>>

  beforeAll(async () => {
    if (obstacle === undefined) server = await redisServer()
  })

  afterAll(() => server?.stop())

  /** @param db The number of a Redis database. Each test has its own. */
  async function serve(context: TestContext, db: number, env: Record<string, string> = {}) {
    context.skip(obstacle !== undefined, obstacle)
    const { onTestFinished } = context
    const redis = new Redis({ path: server.path, db, maxRetriesPerRequest: null })
    const queue = new Queue('webhooks', { connection: redis })
    onTestFinished(async () => {
      await queue.close()
      redis.disconnect()
    })
    const relay = await Relay.open(context, { path: server.path })
    const own = { REDIS_URL: `redis://127.0.0.1:${relay.port}/${db}` }
    const service = await Service.start(context, 'bullmq.js', { ...own, ...env })
    const { url, got, answer } = await receiver(context)
    const deliver = (path: string) => service.ask('/webhooks', 'POST', { url: url + path, body: path })
    /** The number of connections to the database whose flags have this letter. One connection is that of the test. */
    const clients = async (flag = '') => {
      const lines = String(await redis.client('LIST')).split('\n')
      return lines.filter((line) => new RegExp(` flags=\\w*${flag}\\w* db=${db} `).test(line)).length
    }
    /** Whether the worker waits for the next job in a blocking command. */
    const waits = async () => (await clients('b')) === 1
    const jobs = () => queue.getJobCounts('waiting', 'active', 'completed', 'failed', 'delayed')
    return { service, relay, queue, clients, waits, got, answer, deliver, jobs }
  }

  test('finishes the running job after SIGTERM, takes no new job, and closes the worker before its Redis', async (context) => {
    const { expect } = context
    const { service, relay, clients, waits, got, answer, deliver, jobs } = await serve(context, 1)
    expect((await deliver('/slow')).status).toBe(202)
    await expect.poll(() => got).toEqual(['/slow'])
    service.signal('SIGTERM')
    await service.line(/draining because of SIGTERM/)
    expect((await service.status()).tasks).toEqual(['jobs'])
    await expect.poll(waits).toBe(false)
    // The service still accepts jobs, for other workers.
    expect((await deliver('/later')).status).toBe(202)
    await service.line(/draining for .* tasks: jobs/)
    expect(await jobs()).toMatchObject({ waiting: 1, active: 1 })
    answer()
    expect(await service.exit).toEqual([0, null])
    expect(await jobs()).toEqual({ waiting: 1, active: 0, completed: 1, failed: 0, delayed: 0 })
    expect(got).toEqual(['/slow'])
    expect(service.lines.join('\n')).toMatch(/drained in .* after SIGTERM; nothing cut/)
    expect(service.lines.filter((line) => /error|closed|worker|redis/i.test(line))).toEqual([])
    expect(new Set(await Promise.all(relay.connections.map(({ end }) => end)))).toEqual(new Set(['FIN']))
    expect(await clients()).toBe(1)
  })

  test('takes no job after the drain has begun, also if the worker was idle', async (context) => {
    const { expect } = context
    const { service, waits, got, deliver, jobs } = await serve(context, 2)
    await deliver('/first')
    await expect.poll(jobs).toMatchObject({ completed: 1 })
    await expect.poll(waits).toBe(true)
    service.signal('SIGTERM')
    await service.line(/draining because of SIGTERM/)
    await expect.poll(waits).toBe(false)
    expect((await deliver('/later')).status).toBe(202)
    expect(await service.exit).toEqual([0, null])
    expect(got).toEqual(['/first'])
    expect(await jobs()).toMatchObject({ waiting: 1, active: 0 })
  })

  test('takes jobs again when no signal follows the hook, also the job that it has handed back', async (context) => {
    const { expect } = context
    const { service, got, answer, deliver, jobs } = await serve(context, 3, { TERMINATION_GRACE_PERIOD_SECONDS: '8' })
    await deliver('/slow')
    await expect.poll(() => got).toEqual(['/slow'])
    const hook = service.ask('/prestop')
    await service.line(/draining because of the preStop hook/)
    await deliver('/later')
    await service.line(/serving again/)
    await hook
    await expect.poll(() => got.toSorted()).toEqual(['/later', '/slow', '/slow'])
    answer()
    await expect.poll(jobs).toEqual({ waiting: 0, active: 0, completed: 2, failed: 0, delayed: 0 })
    service.signal('SIGINT')
    expect(await service.exit).toEqual([0, null])
  })

  test('hands a job that does not end back to the queue before the deadline', async (context) => {
    const { expect } = context
    const { service, queue, got, deliver, jobs } = await serve(context, 4, { TERMINATION_GRACE_PERIOD_SECONDS: '12' })
    await deliver('/slow')
    await expect.poll(() => got).toEqual(['/slow'])
    service.signal('SIGTERM')
    expect(await service.exit).toEqual([0, null])
    expect(await jobs()).toEqual({ waiting: 1, active: 0, completed: 0, failed: 0, delayed: 0 })
    const [job] = await queue.getWaiting()
    expect(job?.attemptsMade).toBe(0)
  })
})
