import { createServer, IncomingMessage, type RequestListener, type Server, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { Drain } from '@podrain/core'
import { besideName, hasBeside, ours as packageOf } from '../ours.js'

/** A server with or without podrain, and without a network. */
export interface Variant {
  readonly name: string
  readonly server: Server
  /** A connection of the server. */
  readonly socket: Socket
  readonly drain?: Drain
}

/** The variant that the others are compared with. */
export const bare = 'bare'

const quiet = { signals: false, logger: false } as const

/** Results are written here, because V8 leaves out code whose result nothing uses. */
export let seen = 0

/** The application. It does nothing, because its work is not measured. */
function application(): void {}

function plain(name: string, listener: RequestListener): Variant {
  return { name, ...serverWith(listener) }
}

/** @param attach Attaches podrain to the server. */
function ours(name: string, attach: (server: Server) => Drain, listener: RequestListener = application): Variant {
  const { server, socket } = serverWith(listener)
  const drain = attach(server)
  server.emit('connection', socket)
  const variant = { name, server, socket, drain }
  lifeCycle(variant) // a middleware finds its server with the first request
  return variant
}

function serverWith(listener: RequestListener): { server: Server; socket: Socket } {
  const server = createServer(listener)
  return { server, socket: Object.assign(new Socket(), { server }) }
}

/** The measured variants: the bare life cycle of a response first, then what may be added to it. */
const variants: Readonly<Record<string, (name: string) => Variant>> = {
  [bare]: (name) => plain(name, application),
  ...podrains('podrain', false),
  // The parts that podrain consists of, and alternatives to them.
  'one shared listener for ‘close’': (name) =>
    plain(name, (_request, response) => void response.on('close', application)),
  'one performance.now()': (name) =>
    plain(name, () => {
      seen = performance.now()
    }),
  'a closure for ‘close’': (name) =>
    plain(name, (_request, response) => {
      response.once('close', () => {
        seen = response.statusCode
      })
    }),
  'an entry in a WeakMap, and a closure': (name) => {
    const times = new WeakMap<ServerResponse, { request: IncomingMessage; since: number }>()
    return plain(name, (request, response) => {
      times.set(response, { request, since: performance.now() })
      response.once('close', () => times.delete(response))
    })
  },
}

/** podrain, attached in its three ways. */
function podrains(prefix: string, beside: boolean): Record<string, (name: string) => Variant> {
  return {
    [`${prefix}: counting`]: (name) => {
      const { Drain } = packageOf('core', beside)
      return ours(name, (server) => new Drain(quiet).watch(server))
    },
    [`${prefix}: counting and control endpoints`]: (name) => {
      const { drainServer } = packageOf('core', beside)
      return ours(name, (server) => drainServer(server, quiet))
    },
    [`${prefix}: the same as a middleware`]: (name) => {
      const express = packageOf('express', beside).drain(quiet)
      return ours(
        name,
        () => express.drain,
        (request, response) => express(request, response, application),
      )
    },
  }
}

/** All variants, with those of the other checkout if there is one. */
function all(): Readonly<Record<string, (name: string) => Variant>> {
  return hasBeside() ? { ...variants, ...podrains(besideName, true) } : variants
}

export function variantNames(): readonly string[] {
  return Object.keys(all())
}

export function createVariant(name: string): Variant {
  const create = all()[name]
  if (!create) throw new Error(`Expected one of ${variantNames().join(', ')}, got ${name}`)
  return create(name)
}

/** Drives a response from its construction to 'close', as a server does. */
export function lifeCycle({ server, socket }: Variant): void {
  serve(server, responseOn(socket))
}

export function responseOn(socket: Socket): ServerResponse {
  const request = new IncomingMessage(socket)
  request.httpVersionMajor = 1
  request.method = 'GET'
  request.url = '/users/1?full=1'
  const response = new ServerResponse(request)
  response.on('finish', application) // as the server does
  return response
}

/** Emits the events for which listeners are called. */
export function serve(server: Server, response: ServerResponse): void {
  server.emit('request', response.req, response)
  response.emit('finish')
  response.emit('close')
}

/**
 * Checks that a variant with podrain counts requests.
 * @throws {Error} if it does not
 */
export function check(variant: Variant): void {
  const { name, server, drain } = variant
  if (!drain) return
  let during = 0
  const record = (): void => {
    during = drain.inFlight
  }
  server.on('request', record)
  lifeCycle(variant)
  server.removeListener('request', record)
  if (during !== 1 || drain.inFlight !== 0) {
    throw new Error(`${name}: expected 1 request in flight, then 0, got ${during}, then ${drain.inFlight}`)
  }
}
