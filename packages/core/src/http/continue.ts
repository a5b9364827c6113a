import type { ServerResponse } from 'node:http'

/** Responses whose client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1). */
const awaiting = new WeakSet<ServerResponse>()

/**
 * Notes that the client of a response waits for `100 Continue`. Node has no public event for `writeContinue()`, so this
 * replaces the method on the response. The replacement removes itself at the first call.
 */
export function awaitContinue(response: ServerResponse): void {
  awaiting.add(response)
  response.writeContinue = writeContinue
}

/** Notes that the client has begun to send the body. */
export function hasContinued(response: ServerResponse): void {
  awaiting.delete(response)
}

/** Whether the client still waits for `100 Continue`. */
export function awaitsContinue(response: ServerResponse): boolean {
  return awaiting.has(response)
}

/** One function for all responses, so that a request allocates no closure. */
function writeContinue(this: ServerResponse, ...args: []): void {
  awaiting.delete(this)
  delete (this as Partial<ServerResponse>).writeContinue
  this.writeContinue(...args)
}
