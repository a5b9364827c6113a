import type { IncomingHttpHeaders } from 'node:http'

/** Where a connection can go. */
export interface Endpoint {
  readonly name: string
  readonly host: string
  readonly port: number
  /** Set when the pod is gone with its network: who is sent there anyway gets no answer, not even a refusal. */
  unreachable?: boolean
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
