import { once } from 'node:events'
import {
  Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
  request,
  type Server,
} from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { expect, onTestFinished } from 'vitest'

/**
 * Options for a test: the drain does not touch signals or logs of the process, and takes a third of a second. The grace period is so
 * long that only a hang reaches its end, also on a busy machine.
 */
export const quick = {
  terminationGracePeriodSeconds: 60,
  reserve: 100,
  closing: 500,
  settle: { min: 200, quiet: 50 },
  signals: false,
  logger: false,
} as const

export interface Answer {
  status: number | undefined
  headers: IncomingHttpHeaders
  body: string
}

/** Sends a request over a keep-alive connection of its own, and closes the connection when the response is complete. */
export async function send(url: string, options: RequestOptions = {}, body = ''): Promise<Answer> {
  const agent = new Agent({ keepAlive: true })
  try {
    const sent = request(url, { agent, ...options }).end(body)
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return { status: response.statusCode, headers: response.headers, body: await textOf(response) }
  } finally {
    agent.destroy()
  }
}

/** Posts text with the content type of JSON. */
export function sendJson(url: string, body: string): Promise<Answer> {
  return send(url, { method: 'POST', headers: { 'content-type': 'application/json' } }, body)
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return text
}

/** The address of a server. The server closes at the end of the test. */
export async function urlOf(server: Server): Promise<string> {
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  if (!server.listening) await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A promise and the function that resolves it. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/** Waits until all requests have ended on the server. A client may have its whole response, or may have left, before that. */
export async function expectNoneInFlight(drain: { readonly inFlight: number }): Promise<void> {
  await expect.poll(() => drain.inFlight, { interval: 5 }).toBe(0)
}

/** Sends the beginning of a request, and disconnects when the server has the request, or when the response has begun. */
export async function hangUp(server: Server, line: string, when: 'request' | 'data'): Promise<void> {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const arrived = once(server, 'request')
  const length = line.startsWith('POST') ? 'Content-Length: 99\r\n' : ''
  client.write(`${line} HTTP/1.1\r\nHost: pod\r\n${length}\r\n${length && 'half'}`)
  await arrived
  if (when === 'data') await once(client, 'data')
  client.destroy()
}

/** A client that has its response, and keeps its connection open. */
export async function idleClient(server: Server): Promise<Socket> {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.write('GET / HTTP/1.1\r\nHost: pod\r\n\r\n')
  await once(client, 'data')
  return client.resume()
}
