import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

// Asks the Service for as long as it is told, with connections that are kept and with new ones, and says what was lost. Nothing is
// tried again: that a client hides a loss is no merit of the server.

const url = process.env.TARGET ?? 'http://app'
const seconds = Number(process.env.SECONDS ?? 60)
const clients = Number(process.env.CLIENTS ?? 10)
/** What is asked for once, in the middle: `/die` fails the liveness probe of whichever pod gets it. */
const once = process.env.ONCE

const lost: Record<string, number> = {}
let answered = 0
const pods = new Set<string>()

function ask(path: string, agent: http.Agent | false): Promise<void> {
  return new Promise((resolve) => {
    const end = (loss?: string): void => {
      if (loss === undefined) answered++
      else lost[loss] = (lost[loss] ?? 0) + 1
      resolve()
    }
    const request = http.get(url + path, { agent, timeout: 15_000 }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (piece) => {
        body += piece
      })
      response.on('end', () => {
        pods.add(body.trim())
        end(response.statusCode === 200 ? undefined : `status ${response.statusCode}`)
      })
      response.on('error', () => end('truncated'))
    })
    request.on('timeout', () => request.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })))
    request.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
  })
}

async function client(agent: http.Agent | false, until: number): Promise<void> {
  while (performance.now() < until) {
    await ask('/work', agent)
    await sleep(5 + Math.random() * 20)
  }
}

async function main(): Promise<void> {
  const until = performance.now() + seconds * 1000
  console.log('loading')
  const all = Array.from({ length: clients }, (_, n) =>
    client(n % 2 === 0 ? new http.Agent({ keepAlive: true, maxSockets: 1 }) : false, until),
  )
  if (once) void sleep(seconds * 200).then(() => ask(once, false))
  await Promise.all(all)
  console.log(`result ${JSON.stringify({ answered, lost, pods: pods.size })}`)
  process.exit(0)
}

void main()
