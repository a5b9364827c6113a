import type { ServerResponse } from 'node:http'

/** Responses whose clients send the body of their request only once they are told to, which they have not been yet. */
const awaiting = new WeakSet<ServerResponse>()

/**
 * A request has come with an `Expect` header, and the application decides. Nothing public tells when it has: so the
 * response gets a `writeContinue` of ours, which takes itself away.
 */
export function awaitContinue(response: ServerResponse): void {
  awaiting.add(response)
  response.writeContinue = writeContinue
}

/** The client sends. */
export function hasContinued(response: ServerResponse): void {
  awaiting.delete(response)
}

/** Whether the client still waits to be told to send. */
export function awaitsContinue(response: ServerResponse): boolean {
  return awaiting.has(response)
}

/** Shared by all, so that it costs no closure. */
function writeContinue(this: ServerResponse, ...args: []): void {
  awaiting.delete(this)
  delete (this as Partial<ServerResponse>).writeContinue
  this.writeContinue(...args)
}
