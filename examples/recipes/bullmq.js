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

// The newest hook runs first: it closes the worker, then the queue, and last the Redis that both use.
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
      // Another pod can take the job now, and need not wait until this pod's lock has expired.
      await job.moveToWait(token)
      throw new WaitingError()
    }
  },
  { connection: redis, concurrency: 10 },
)
worker.on('error', (error) => console.warn(`worker: ${error.message}`))
// A short timeout. When this hook runs, the jobs have finished, or there is no time left for them.
drain.onClose(() => worker.close(), { name: 'worker', timeout: 1000 })

drain.onDrain(() => {
  // The worker takes no more jobs. The promise resolves when the running jobs have finished. The promise is a task and not
  // returned, because an onDrain hook has a timeout and a task has as long as the drain.
  drain.waitUntil(worker.pause(), { name: 'jobs' })
  drain.lastCall.addEventListener('abort', () => worker.cancelAllJobs('the pod goes'), { once: true })
})
drain.onResume(() => worker.resume())

server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
  console.log('listening', server.address())
})
