import type { IncomingHttpHeaders } from 'node:http'

/** Where a connection can go. */
export interface Endpoint {
  readonly name: string
  readonly host: string
  readonly port: number
  /** Whether it speaks TLS. @default false */
  readonly tls?: boolean
  /** Set when the pod is gone with its network: who is sent there anyway gets no answer, not even a refusal. */
  unreachable?: boolean
}

/** How long a kernel asks for an address that nobody has any more, in ms: three times, a second each. */
export const neighbourTimeout = 3000

/** The endpoints that somebody has heard of: those of one name are one, so that all who know it learn that it is gone. */
export class KnownEndpoints {
  readonly #byName = new Map<string, Endpoint>()

  /** The same endpoints, as they are known here. */
  adopt(endpoints: readonly Endpoint[]): readonly Endpoint[] {
    return endpoints.map((endpoint) => {
      const known = this.#byName.get(endpoint.name) ?? { ...endpoint }
      this.#byName.set(endpoint.name, known)
      return known
    })
  }

  /** The pod is gone with its network. */
  lose(pod: string): void {
    const endpoint = this.#byName.get(pod)
    if (endpoint !== undefined) endpoint.unreachable = true
  }
}

/** The endpoint by the name of who has answered, where many are behind one: `header` is the one that says it. */
export function answering<Known extends Endpoint | undefined>(
  endpoint: Known,
  headers: IncomingHttpHeaders,
  header: string | undefined,
): Known {
  const name = header === undefined ? undefined : headers[header]
  return endpoint === undefined || typeof name !== 'string' ? endpoint : { ...endpoint, name }
}
