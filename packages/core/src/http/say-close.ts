import type { OutgoingHttpHeader, ServerResponse } from 'node:http'
import { replaceMethod } from '../shared/replace.js'

type Field = [name: string, value: OutgoingHttpHeader]
type Given = Record<string, OutgoingHttpHeader> | OutgoingHttpHeader[] | Field[]

/** The methods that write the header of a response. Node itself calls `writeHead` if the application calls neither. */
const writers = ['writeHead', 'writeHeader'] as const
/** Matches a `Connection` header that closes the connection. Node uses the same pattern. */
const closes = /(?:^|\W)close(?:$|\W)/i

/**
 * Makes a response say `Connection: close`, however the application writes its headers. `shouldKeepAlive = false` alone is not
 * enough. A `Connection` header of the application overrides it, for example in a gateway that copies the headers of its upstream.
 * And if the application has removed the header, Node writes none. Node has no public event before the header is written, so
 * podrain replaces `writeHead` of this response.
 *
 * @returns The function that undoes it, until the header has been sent.
 */
export function sayClose(response: ServerResponse): () => void {
  const { shouldKeepAlive } = response
  const restore = putInFront(response, true)
  response.shouldKeepAlive = false
  return () => {
    response.shouldKeepAlive = shouldKeepAlive
    restore()
  }
}

/**
 * Notes whether the application itself says `Connection: close` on a response. Node has no public property for headers that are
 * arguments of `writeHead`, so podrain replaces the method.
 * @returns The function that undoes it.
 */
export function noteClose(response: ServerResponse): () => void {
  return putInFront(response, false)
}

/** Whether the header was sent and said that the connection will be closed. */
export function saidClose(response: ServerResponse): boolean {
  if (!response.headersSent) return false
  return !response.shouldKeepAlive || closes.test(`${response.getHeader('connection')}`)
}

/** @param isLast Whether the response must say `Connection: close`, whatever headers the application writes. */
function putInFront(response: ServerResponse, isLast: boolean): () => void {
  const undo = writers.filter((name) => name in response).map((name) => putInFrontOf(response, name, isLast))
  return () => {
    for (const restore of undo) restore()
  }
}

function putInFrontOf(response: ServerResponse, name: (typeof writers)[number], isLast: boolean): () => void {
  return replaceMethod(response, name, (theirs) => (...args) => {
    // Status 101 hands the connection to another protocol. With any other status, the connection stays HTTP.
    if (response.headersSent || args[0] === 101) return theirs(...args)
    if (isLast || !response.shouldKeepAlive) {
      response.shouldKeepAlive = false
      const closing = closingArguments(response, args)
      return guarded(response, () => theirs(...closing))
    }
    const { said } = connectionIn(response, args)
    const result = theirs(...args)
    if (closes.test(said)) response.shouldKeepAlive = false
    return result
  })
}

/** Adds `Connection: close` to the arguments of `writeHead`. Also changes a header that was set with `setHeader`. */
function closingArguments(response: ServerResponse, args: unknown[]): unknown[] {
  const { index, given, said } = connectionIn(response, args)
  if (closes.test(said)) return args
  response.removeHeader('keep-alive')
  const connection: Field = ['Connection', closeAnd(said)]
  if (index === -1) {
    response.setHeader(...connection)
    return args
  }
  const rest = given.filter(([name]) => !named(name, 'connection') && !named(name, 'keep-alive'))
  return args.with(index, inFormOf(args[index] as Given, [...rest, connection]))
}

/** Returns the index of the argument of `writeHead` that has the headers, the headers, and the value of `Connection`. */
function connectionIn(response: ServerResponse, args: unknown[]): { index: number; given: Field[]; said: string } {
  const index = args.findIndex((arg) => typeof arg === 'object' && arg !== null)
  const given = index === -1 ? [] : fieldsOf(args[index] as Given)
  const own = given.filter(([name]) => named(name, 'connection')).map(([, value]) => value)
  return { index, given, said: own.length > 0 ? own.join(', ') : `${response.getHeader('connection') ?? ''}` }
}

/**
 * Adds `close` and removes `keep-alive`. Other options stay, because they name headers that a proxy must not forward (RFC 9110
 * §7.6.1).
 */
function closeAnd(said: string): string {
  const names = said.split(',').map((name) => name.trim())
  return ['close', ...names.filter((name) => name !== '' && !named(name, 'keep-alive'))].join(', ')
}

/**
 * Writes the header, and ignores changes that would take `close` back during the call. A library such as on-headers changes headers
 * at this moment. If the library has replaced `writeHead` before podrain, its changes come after podrain's.
 */
function guarded(response: ServerResponse, write: () => unknown): unknown {
  const keeps = ([name, value]: unknown[]): boolean =>
    named(name, 'keep-alive') || (named(name, 'connection') && !closes.test(`${value}`))
  const undo = ['setHeader', 'appendHeader'].map((setter) =>
    replaceMethod(
      response,
      setter,
      (theirs) =>
        (...field) =>
          keeps(field) ? response : theirs(...field),
    ),
  )
  try {
    return write()
  } finally {
    for (const restore of undo) restore()
  }
}

function named(name: unknown, expected: string): boolean {
  return typeof name === 'string' && name.toLowerCase() === expected
}

function fieldsOf(headers: Given): Field[] {
  if (!Array.isArray(headers)) return Object.entries(headers)
  if (Array.isArray(headers[0])) return headers as Field[]
  const flat = headers as OutgoingHttpHeader[]
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1]] as Field] : []))
}

/**
 * Returns the headers in the form that the application used: an object, a flat list or a list of pairs. Only lists can have a
 * name twice.
 */
function inFormOf(headers: Given, fields: readonly Field[]): Given {
  if (!Array.isArray(headers)) return Object.fromEntries(fields)
  return Array.isArray(headers[0]) ? [...fields] : fields.flat()
}
