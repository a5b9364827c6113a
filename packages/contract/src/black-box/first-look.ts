import { once } from 'node:events'
import http2 from 'node:http2'
import tls from 'node:tls'
import { type Answer, Clients } from '../clients.js'
import type { Need } from '../needs.js'
import type { Received } from '../wire.js'
import { ServerProcess } from './process.js'
import { NoServer, type PathName, pathsFor, type Server } from './server.js'
import { within } from './within.js'

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
  try {
    const spoken = await protocolsOf(address.port, server.paths.get)
    const clients = new Clients(address, spoken.includes('tls'), spoken.includes('http1') ? 1 : 2)
    const has = [...spoken, ...(Object.keys(pathsFor) as (keyof typeof pathsFor)[]).filter(isThere)]
    function isThere(need: keyof typeof pathsFor): boolean {
      return server.paths[pathsFor[need]] !== undefined
    }
    try {
      const { status } = await answered(clients, server, 'get')
      for (const name of ['slow', 'stream', 'ready', 'live', 'upload'] as const) {
        if (server.paths[name] !== undefined) await answered(clients, server, name)
      }
      if (server.paths.big === undefined) return { has, status, bytes: 0 }
      const bytes = (await answered(clients, server, 'big')).body.length
      if (bytes >= enough) return { has, status, bytes }
      throw new NoServer(`--big takes a path that gives at least ${enough} bytes: ${server.paths.big} gave ${bytes}`)
    } finally {
      clients.hangUp()
    }
  } finally {
    process.kill()
    await process.ended
  }
}

/** @throws {NoServer} if the path gives no response or an error */
async function answered(clients: Clients, { paths, startup }: Server, name: PathName): Promise<Answer> {
  const path = paths[name]?.replace('{ms}', '1') ?? ''
  const asked = name === 'upload' ? clients.ask(path, { method: 'POST', body: 'body' }) : clients.ask(path)
  const answer = await within(asked, startup)
  if (answer !== undefined && answer.status < 400) return answer
  const gave = answer === undefined ? `nothing within ${startup / 1000} s` : answer.status
  throw new NoServer(`--${name} takes a path that is answered: ${path} gave ${gave}`)
}

async function protocolsOf(port: number, path: string): Promise<Need[]> {
  const clients = new Clients({ host: '127.0.0.1', port }, false, 1)
  const encrypted = new Clients({ host: '127.0.0.1', port }, true, 1)
  try {
    const plain = await answersHttp1(clients, path)
    // A server that expects TLS responds to plain HTTP with 400, or not at all.
    if (plain !== undefined && plain.status !== 400) {
      return ['http1', 'plain', ...((await speaksHttp2(port, false)) ? (['http2'] as const) : [])]
    }
    if (await speaksHttp2(port, false)) return ['http2']
    const found: Need[] = []
    if ((await answersHttp1(encrypted, path)) !== undefined) found.push('http1')
    if (await speaksHttp2(port, true)) found.push('http2')
    if (found.length > 0) return ['tls', ...found]
    throw new NoServer(`It listens on port ${port}, and speaks neither HTTP/1.1 nor HTTP/2, with TLS or without`)
  } finally {
    clients.hangUp()
    encrypted.hangUp()
  }
}

async function answersHttp1(clients: Clients, path: string): Promise<Received | undefined> {
  const asked = async (): Promise<Received | undefined> => {
    const wire = (await clients.wire()).send(`GET ${path} HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n`)
    return (await wire.answers())[0]
  }
  return within(
    asked().catch(() => undefined),
    patience,
  )
}

async function speaksHttp2(port: number, encrypted: boolean): Promise<boolean> {
  const secured = { host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] }
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
