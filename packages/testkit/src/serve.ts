import type { Server } from 'node:http'
import type { AdapterOptions, Drain } from '@podrain/core'
import { gate } from './client.js'

/** The request to `/slow`, seen from the test. */
export interface Slow {
  readonly arrived: Promise<void>
  readonly answer: () => void
}

/** An application that is listening. */
export interface Served {
  readonly url: string
  readonly server: Server
  readonly drain: Drain
  readonly slow: Slow
}

/**
 * Starts an application with the adapter, on a port of 127.0.0.1. The application closes at the end of the test. It answers `/` with
 * 'hello', and `/slow` with 'slow' (see `slowRequest`). Without options it has the options `quick`.
 *
 * @template Routes The type of further routes for the framework.
 */
export type Serve<Routes> = (options?: AdapterOptions, routes?: Routes) => Promise<Served>

/** The handler of `/slow` awaits `wait()`. The test then sees that the request has arrived, and calls `answer` to end the wait. */
export function slowRequest(): Slow & { readonly wait: () => Promise<void> } {
  const arrived = gate()
  const answer = gate()
  const wait = (): Promise<void> => {
    arrived.open()
    return answer.opened
  }
  return { wait, arrived: arrived.opened, answer: answer.open }
}
