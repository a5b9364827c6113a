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
 * Starts an application whose only line about draining is that of the adapter, on a port of 127.0.0.1, for as long as the
 * test runs. It answers `/` with 'hello' and `/slow` with 'slow', see `slowRequest`. Without options it has `quick`.
 *
 * @template Routes how further routes are told to the framework
 */
export type Serve<Routes> = (options?: AdapterOptions, routes?: Routes) => Promise<Served>

/** What `/slow` is made of: its handler waits, which tells the test that the request is there, until the test lets it answer. */
export function slowRequest(): Slow & { readonly wait: () => Promise<void> } {
  const arrived = gate()
  const answer = gate()
  const wait = (): Promise<void> => {
    arrived.open()
    return answer.opened
  }
  return { wait, arrived: arrived.opened, answer: answer.open }
}
