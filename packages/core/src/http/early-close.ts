import type net from 'node:net'

/** Where podrain's own files are: a caller is looked for outside of them. */
const ownFiles = __dirname.replace(/[\\/]http$/, '')

/**
 * Tells when somebody closes a server that is still wanted: its clients are refused from then on.
 *
 * Nothing public says so: a server emits 'close' when its last connection has ended, long after it has stopped listening, and
 * nobody says who closed it. So `close` of this one server is preceded, while it drains.
 *
 * @param tell gets the place in the code, as a line of a stack says it
 * @returns the way to undo it
 */
export function tellWhenClosed(server: net.Server, tell: (by: string) => void): () => void {
  const wasOwn = Object.hasOwn(server, 'close')
  const close = server.close
  const instead: typeof close = function (this: net.Server, ...args) {
    if (server.listening) tell(callerIn(new Error('closed').stack ?? ''))
    return close.apply(this, args)
  }
  server.close = instead
  return () => {
    if (server.close !== instead) return // somebody has put their own in its place, which calls ours
    if (wasOwn) server.close = close
    else delete (server as Partial<net.Server>).close
  }
}

/** The place in the application's code, or else in a library it uses. */
function callerIn(stack: string): string {
  const places = stack
    .split('\n')
    .slice(1)
    .map((line) => line.trim().replace(/^at /, ''))
    // `new Promise (<anonymous>)` is the engine's.
    .filter((place) => !/\bnode:|<anonymous>\)$/.test(place) && !place.includes(ownFiles))
  return places.find((place) => !place.includes('node_modules')) ?? places[0] ?? 'an unknown place'
}
