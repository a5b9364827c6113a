import type { IncomingHttpHeaders } from 'node:http'

/** Where a connection can go. */
export interface Endpoint {
  readonly name: string
  readonly host: string
  readonly port: number
  /** Whether it uses TLS. @default false */
  readonly tls?: boolean
  /** Set when the pod is gone, and its network with it: a connection attempt gets no answer, not even a refusal. */
  unreachable?: boolean
}

/** ms after which a kernel gives up an address that no machine has: three ARP requests, one second each. */
export const neighbourTimeout = 3000

/** One object for each name of an endpoint, so that every holder of an endpoint sees when its pod is gone. */
export class KnownEndpoints {
  readonly #byName = new Map<string, Endpoint>()

  /** The known objects for these endpoints. */
  adopt(endpoints: readonly Endpoint[]): readonly Endpoint[] {
    return endpoints.map((endpoint) => {
      const known = this.#byName.get(endpoint.name) ?? { ...endpoint }
      this.#byName.set(endpoint.name, known)
      return known
    })
  }

  /** The pod is gone, and its network with it. */
  lose(pod: string): void {
    const endpoint = this.#byName.get(pod)
    if (endpoint !== undefined) endpoint.unreachable = true
  }
}

/** The endpoint with the name of the pod that has answered, as the response header `header` says; the same endpoint without it. */
export function answering<Known extends Endpoint | undefined>(
  endpoint: Known,
  headers: IncomingHttpHeaders,
  header: string | undefined,
): Known {
  const name = header === undefined ? undefined : headers[header]
  return endpoint === undefined || typeof name !== 'string' ? endpoint : { ...endpoint, name }
}
