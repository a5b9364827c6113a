/** One request a client may send, with everything it says. */
export interface Ask {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | undefined
  /** How often it is drawn, relative to the others. */
  readonly weight: number
  /** Which statuses are a success; undefined: any 2xx. */
  readonly status: readonly number[] | undefined
}

/** A request of this path and nothing else. */
export function plain(path: string, method = 'GET'): Ask {
  return { method, path, headers: {}, body: undefined, weight: 1, status: undefined }
}

/** Whether a status is what the request was sent for. */
export function isSuccess(ask: Ask, status: number): boolean {
  return ask.status === undefined ? status >= 200 && status < 300 : ask.status.includes(status)
}
