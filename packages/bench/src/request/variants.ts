import { createServer, IncomingMessage, type RequestListener, type Server, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { Drain } from '@podrain/core'
import { besideName, hasBeside, ours as packageOf } from '../ours.js'

/** A server with something in front of its application, without a network. */
export interface Variant {
  readonly name: string
  readonly server: Server
  /** A connection of it. */
  readonly socket: Socket
  readonly drain?: Drain
}

/** What the others are compared with. */
export const bare = 'bare'

const quiet = { signals: false, logger: false } as const

/** So that nothing is done in vain, and left out by the compiler. */
export let seen = 0

/** The application, whose own work is not what is measured. */
function application(): void {}

function plain(name: string, listener: RequestListener): Variant {
  return { name, ...serverWith(listener) }
}

/** @param attach puts podrain in front of the server */
function ours(name: string, attach: (server: Server) => Drain, listener: RequestListener = application): Variant {
  const { server, socket } = serverWith(listener)
  const drain = attach(server)
  server.emit('connection', socket)
  const variant = { name, server, socket, drain }
  lifeCycle(variant) // a middleware learns of its server from the first request
  return variant
}

function serverWith(listener: RequestListener): { server: Server; socket: Socket } {
  const server = createServer(listener)
  return { server, socket: Object.assign(new Socket(), { server }) }
}

/** What is measured: the bare life cycle of a response first, then what may be added to it. */
const variants: Readonly<Record<string, (name: string) => Variant>> = {
  [bare]: (name) => plain(name, application),
  ...podrains('podrain', false),
  // What it is made of, or could be.
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

/** What podrain adds, in the three ways in which it is put in front of an application. */
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

/** Those of another checkout only where there is one. */
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

/** A response from its construction to 'close', as a server drives it. */
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

/** What listeners are called for. */
export function serve(server: Server, response: ServerResponse): void {
  server.emit('request', response.req, response)
  response.emit('finish')
  response.emit('close')
}

/** Makes sure that what is measured does what it is for. */
export function check(variant: Variant): void {
  const { name, server, drain } = variant
  if (!drain) return
  let during = 0
  const look = (): void => {
    during = drain.inFlight
  }
  server.on('request', look)
  lifeCycle(variant)
  server.removeListener('request', look)
  if (during !== 1 || drain.inFlight !== 0) {
    throw new Error(`${name}: in flight are ${during}, then ${drain.inFlight}, not 1, then 0`)
  }
}
