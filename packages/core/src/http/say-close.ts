import type { OutgoingHttpHeader, ServerResponse } from 'node:http'

type WriteHead = (this: ServerResponse, ...args: unknown[]) => ServerResponse
type Field = [name: string, value: OutgoingHttpHeader]
type Given = Record<string, OutgoingHttpHeader> | OutgoingHttpHeader[] | Field[]

/** The names under which a response writes its header. Node calls the first also where the application calls neither. */
const writers = ['writeHead', 'writeHeader'] as const
/** As Node itself reads it. */
const closes = /(?:^|\W)close(?:$|\W)/i

/**
 * Makes a response say `Connection: close`, in whichever way the application writes its headers. That Node is told not to
 * keep the connection is not enough: a `Connection` header of the application's own wins over it, as of a gateway that copies
 * the headers of its upstream, and where the application has removed the header Node writes none. No public event comes
 * before the header is written, so the response itself gets a `writeHead` of ours, in front of the one it has.
 *
 * @returns what undoes it, as long as the header has not been sent
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
 * Lets a response be as the application writes it, and notes whether it says `Connection: close`: where that is given to
 * `writeHead`, nothing public tells.
 * @returns what undoes it
 */
export function hearClose(response: ServerResponse): () => void {
  return putInFront(response, false)
}

/** Whether its header has left and said that the connection will be closed behind it. */
export function saidClose(response: ServerResponse): boolean {
  if (!response.headersSent) return false
  return !response.shouldKeepAlive || closes.test(`${response.getHeader('connection')}`)
}

/** @param isLast whether it has to say `Connection: close`, whatever the application makes of it */
function putInFront(response: ServerResponse, isLast: boolean): () => void {
  const undo = writers.map((name) => putInFrontOf(response, name, isLast))
  return () => {
    for (const restore of undo) restore()
  }
}

function putInFrontOf(response: ServerResponse, name: (typeof writers)[number], isLast: boolean): () => void {
  const writable = response as unknown as Record<string, WriteHead | undefined>
  const theirs = writable[name]
  if (!theirs) return () => {}
  const wasOwn = Object.hasOwn(response, name)
  const ours: WriteHead = function (...args) {
    // With 101 the connection is given to another protocol. With any other status `Upgrade` only offers one.
    if (this.headersSent || args[0] === 101) return theirs.apply(this, args)
    if (isLast || !this.shouldKeepAlive) {
      this.shouldKeepAlive = false
      const closing = closingArguments(this, args)
      return guarded(this, () => theirs.apply(this, closing))
    }
    const { said } = connectionIn(this, args)
    const result = theirs.apply(this, args)
    if (closes.test(said)) this.shouldKeepAlive = false
    return result
  }
  writable[name] = ours
  return () => {
    if (writable[name] === ours) {
      if (wasOwn) writable[name] = theirs
      else delete writable[name]
    } else {
      isLast = false // somebody has put their own in its place, which calls ours
    }
  }
}

/** The arguments of `writeHead`, and what has been set before, with `Connection: close`. */
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

/** Which of the arguments are headers, what they are, and what the response will say about the connection. */
function connectionIn(response: ServerResponse, args: unknown[]): { index: number; given: Field[]; said: string } {
  const index = args.findIndex((arg, position) => position > 0 && typeof arg === 'object' && arg !== null)
  const given = index === -1 ? [] : fieldsOf(args[index] as Given)
  const own = given.filter(([name]) => named(name, 'connection')).map(([, value]) => value)
  return { index, given, said: own.length > 0 ? own.join(', ') : `${response.getHeader('connection') ?? ''}` }
}

/** The other names that it lists stay: they are of headers that are not to be forwarded. */
function closeAnd(said: string): string {
  const names = said.split(',').map((name) => name.trim())
  return ['close', ...names.filter((name) => name !== '' && !named(name, 'keep-alive'))].join(', ')
}

/**
 * Writes the header, while nobody takes `close` back: whoever waits for the moment before it is written (on-headers) may have
 * begun to before we did, and is called behind us.
 */
function guarded(response: ServerResponse, write: () => ServerResponse): ServerResponse {
  const keeps = (name: unknown, value: unknown): boolean =>
    named(name, 'keep-alive') || (named(name, 'connection') && !closes.test(`${value}`))
  const setters = ['setHeader', 'appendHeader'] as const
  const undo = setters.map((setter) => {
    const theirs = response[setter] as (...field: unknown[]) => ServerResponse
    const own = Object.getOwnPropertyDescriptor(response, setter)
    response[setter] = (...field: unknown[]) => (keeps(...(field as Field)) ? response : theirs.apply(response, field))
    return () => {
      if (own) Object.defineProperty(response, setter, own)
      else delete (response as Partial<ServerResponse>)[setter]
    }
  })
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

/** As the application has given them: only a list may say the same name twice. */
function inFormOf(headers: Given, fields: readonly Field[]): Given {
  if (!Array.isArray(headers)) return Object.fromEntries(fields)
  return Array.isArray(headers[0]) ? [...fields] : fields.flat()
}
