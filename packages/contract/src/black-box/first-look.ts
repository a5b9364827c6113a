import { once } from 'node:events'
import http2 from 'node:http2'
import tls from 'node:tls'
import { type Answer, Clients } from '../clients.js'
import type { Need } from '../needs.js'
import { Requests } from '../requests.js'
import type { Received } from '../wire.js'
import { within } from '../within.js'
import { ServerProcess } from './process.js'
import { NoServer, type PathName, pathsFor, type Server } from './server.js'

/** What the first start of a server has shown. */
export interface FirstLook {
  readonly has: readonly Need[]
  /** The status of the response to an ordinary request. */
  readonly status: number
  /** The length of the big response; 0 without `--big`. */
  readonly bytes: number
}

/** Milliseconds in which a server must respond in a protocol. Otherwise it does not speak that protocol. */
const patience = 2000

/** Bytes that are more than the buffers of two sockets usually hold. */
const enough = 8 * 1024 * 1024

/**
 * Starts the server once. Detects its protocols, and requests each of its paths.
 * @throws {NoServer} if the server does not start, speaks no HTTP, or does not respond on one of the paths
 */
export async function lookAt(server: Server): Promise<FirstLook> {
  const process = await ServerProcess.start(server)
  const address = { host: '127.0.0.1', port: process.port }
  const requests = new Requests(undefined, server.headers)
  try {
    const spoken = await protocolsOf(address.port, server.paths.get, requests)
    const clients = new Clients(address, spoken.includes('tls'), spoken.includes('http1') ? 1 : 2, requests)
    try {
      const { status } = await answered(clients, server, 'get')
      const has = [...spoken]
      if (spoken.includes('http1') && (await keepsConnections(clients, server))) has.push('keepAlive')
      if (await knowsUnknown(clients, server)) has.push('unknown')
      for (const name of ['slow', 'stream'] as const) if (isThere(name)) await takesItsTime(clients, server, name)
      for (const name of ['ready', 'live', 'upload'] as const) if (isThere(name)) await answered(clients, server, name)
      const bytes = isThere('big') ? await sizeOfBig(clients, server) : 0
      if (isThere('websocket')) await letsIn(clients, server)
      // The last: it may end the server.
      if (isThere('hook')) await answered(clients, server, 'prestop')
      return { has: [...has, ...(Object.keys(pathsFor) as (keyof typeof pathsFor)[]).filter(isThere)], status, bytes }
    } finally {
      clients.hangUp()
    }
    function isThere(need: keyof typeof pathsFor): boolean {
      return server.paths[pathsFor[need]] !== undefined
    }
  } catch (error) {
    // Its connections close a little before it has ended.
    if ((await within(process.ended, 300)) === undefined) throw error
    throw new NoServer(`It ended with exit code ${process.exitCode} when it was asked.${process.lastWords}`)
  } finally {
    process.kill()
    await process.ended
  }
}

/** @throws {NoServer} if the path gives no response or an error */
async function answered(clients: Clients, { paths, startup }: Server, name: PathName, ms = 1): Promise<Answer> {
  const path = paths[name]?.replace('{ms}', String(ms)) ?? ''
  const asked = name === 'upload' ? clients.ask(path, { method: 'POST', body: 'body' }) : clients.ask(path)
  const answer = await within(
    asked.catch((error: Error) => error.message),
    startup,
  )
  if (typeof answer === 'object' && answer.status < 400) return answer
  const gave = typeof answer === 'object' ? answer.status : (answer ?? `nothing within ${startup / 1000} s`)
  throw new NoServer(`--${name} takes a path that is answered: ${path} gave ${gave}`)
}

/** Whether a second request on a connection is answered. */
async function keepsConnections(clients: Clients, { paths, startup }: Server): Promise<boolean> {
  const wire = (await clients.wire()).get(paths.get)
  const both = wire.answers().then(() => wire.get(paths.get).answers(2))
  const answers = await within(
    both.catch(() => undefined),
    startup,
  )
  return answers !== undefined
}

/** Whether it says 404. */
async function knowsUnknown(clients: Clients, { startup }: Server): Promise<boolean> {
  const asked = clients.ask('/nowhere').catch(() => undefined)
  return (await within(asked, startup))?.status === 404
}

/** @throws {NoServer} if the path does not take as long as it is told: nothing would be in flight at the signal */
async function takesItsTime(clients: Clients, server: Server, name: 'slow' | 'stream'): Promise<void> {
  const took = async (ms: number): Promise<number> => {
    const begun = performance.now()
    await answered(clients, server, name, ms)
    return performance.now() - begun
  }
  const [long, short] = [await took(1000), await took(1)]
  // A timer may be a little early.
  if (long >= 950 && long - short > 500) return
  throw new NoServer(
    `--${name} takes a path that takes as long as {ms} says: ${server.paths[name]} took ${long.toFixed(0)} ms with 1000, and ${short.toFixed(0)} ms with 1`,
  )
}

/** @throws {NoServer} if it is not big, or is another each time: a part of it could not be told from the whole */
async function sizeOfBig(clients: Clients, server: Server): Promise<number> {
  const [bytes, again] = [await answered(clients, server, 'big'), await answered(clients, server, 'big')].map(
    ({ body }) => body.length,
  ) as [number, number]
  if (bytes >= enough && bytes === again) return bytes
  throw new NoServer(
    bytes === again
      ? `--big takes a path that gives at least ${enough} bytes: ${server.paths.big} gave ${bytes}`
      : `--big takes a path that gives the same number of bytes each time: ${server.paths.big} gave ${bytes}, then ${again}`,
  )
}

/** @throws {NoServer} if there is no WebSocket */
async function letsIn(clients: Clients, { paths, startup }: Server): Promise<void> {
  const name = pathsFor.websocket
  const opened = clients.webSocket(paths[name] ?? '').then(
    () => 'a WebSocket',
    ({ message }: Error) => message,
  )
  const gave = (await within(opened, startup)) ?? `nothing within ${startup / 1000} s`
  if (gave !== 'a WebSocket') {
    throw new NoServer(`--${name} takes a path that accepts a WebSocket: ${paths[name]} gave ${gave}`)
  }
}

async function protocolsOf(port: number, path: string, requests: Requests): Promise<Need[]> {
  const clients = new Clients({ host: '127.0.0.1', port }, false, 1, requests)
  const encrypted = new Clients({ host: '127.0.0.1', port }, true, 1, requests)
  try {
    const plain = await answersHttp1(clients, path)
    // A server that expects TLS responds to plain HTTP with 400, or not at all.
    if (plain !== undefined && plain.status !== 400) {
      return ['http1', 'plain', ...((await speaksHttp2(port, false, requests)) ? (['http2'] as const) : [])]
    }
    if (await speaksHttp2(port, false, requests)) return ['http2']
    const found: Need[] = []
    if ((await answersHttp1(encrypted, path)) !== undefined) found.push('http1')
    if (await speaksHttp2(port, true, requests)) found.push('http2')
    if (found.length > 0) return ['tls', ...found]
    // It is no TLS that the 400 was about.
    if (plain !== undefined) return ['http1', 'plain']
    throw new NoServer(`It listens on port ${port}, and speaks neither HTTP/1.1 nor HTTP/2, with TLS or without`)
  } finally {
    clients.hangUp()
    encrypted.hangUp()
  }
}

async function answersHttp1(clients: Clients, path: string): Promise<Received | undefined> {
  const asked = async (): Promise<Received | undefined> => {
    const wire = (await clients.wire()).send(`${clients.requests.head('GET', path, 'Connection: close')}\r\n`)
    return (await wire.answers())[0]
  }
  return within(
    asked().catch(() => undefined),
    patience,
  )
}

async function speaksHttp2(port: number, encrypted: boolean, requests: Requests): Promise<boolean> {
  const secured = { host: '127.0.0.1', port, ...requests.tls('h2') }
  const session = http2.connect(`${encrypted ? 'https' : 'http'}://127.0.0.1:${port}`, {
    ...(encrypted && { createConnection: () => tls.connect(secured) }),
  })
  try {
    return (
      (await within(
        once(session, 'remoteSettings').then(
          () => true,
          () => false,
        ),
        patience,
      )) ?? false
    )
  } finally {
    session.destroy()
  }
}
