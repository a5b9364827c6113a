import http from 'node:http'
import { json } from 'node:stream/consumers'
import { drainServer } from '@podrain/core'
import { Queue, WaitingError, Worker } from 'bullmq'
import { Redis } from 'ioredis'

const server = http.createServer(async (request, response) => {
  if (request.method !== 'POST' || request.url !== '/webhooks') return response.writeHead(404).end()
  const { id } = await queue.add('deliver', await json(request))
  response.writeHead(202).end(JSON.stringify({ id }))
})
const drain = drainServer(server)

// The newest closes first: the worker, then the queue, and Redis when nobody uses it any more.
const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', { maxRetriesPerRequest: null })
redis.on('error', (error) => console.warn(`redis: ${error.message}`))
drain.onClose(() => redis.quit(), { name: 'redis' })

const queue = new Queue('webhooks', { connection: redis })
drain.onClose(() => queue.close(), { name: 'queue' })

const worker = new Worker(
  'webhooks',
  async (job, token, signal) => {
    try {
      const { url, body } = job.data
      const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body), signal: signal ?? null })
      if (!answer.ok) throw new Error(`${url} said ${answer.status}`)
    } catch (error) {
      if (!signal?.aborted) throw error
      // Another pod takes it now, and not only when the lock of this one has run out.
      await job.moveToWait(token)
      throw new WaitingError()
    }
  },
  { connection: redis, concurrency: 10 },
)
worker.on('error', (error) => console.warn(`worker: ${error.message}`))
// There is nothing left to wait for by then, or no time.
drain.onClose(() => worker.close(), { name: 'worker', timeout: 1000 })

drain.onDrain(() => {
  // Takes no more jobs from now on, and resolves when those that run have ended. Not returned: onDrain hooks have to be
  // done within their timeout, a task has as long as the drain.
  drain.waitUntil(worker.pause(), { name: 'jobs' })
  drain.lastCall.addEventListener('abort', () => worker.cancelAllJobs('the pod goes'), { once: true })
})
drain.onResume(() => worker.resume())

server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
  console.log('listening', server.address())
})
