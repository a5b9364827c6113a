/** One request that a client may send. */
export interface Ask {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | undefined
  /** How often the request is drawn, relative to the others. */
  readonly weight: number
  /** The statuses that count as success; undefined: any 2xx. */
  readonly status: readonly number[] | undefined
}

/** A request without headers or body of its own. */
export function plain(path: string, method = 'GET'): Ask {
  return { method, path, headers: {}, body: undefined, weight: 1, status: undefined }
}

export function isSuccess(ask: Ask, status: number): boolean {
  return ask.status === undefined ? status >= 200 && status < 300 : ask.status.includes(status)
}
