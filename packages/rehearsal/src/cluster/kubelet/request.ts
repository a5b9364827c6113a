import http from 'node:http'

/** How much of an answer's body the kubelet reads (maxRespBodyLength in its source). */
const bodyLimit = 10 * 1024
const maxRedirects = 10
const redirects = new Set([301, 302, 303, 307, 308])

/** Keeps its socket whatever the answer's `Keep-Alive` says, as Go's transport does: only the app closes it. */
class KubeletAgent extends http.Agent {
  constructor() {
    super({ keepAlive: true, maxSockets: 1 })
  }

  override keepSocketAlive(): boolean {
    return true
  }
}

/** One GET as the kubelet sends it. */
export interface KubeletRequest {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly userAgent: 'kube-probe/1.26' | 'kube-lifecycle/1.26'
  /** The hook's or probe's own `httpHeaders`; they win over the kubelet's. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Gives up with an error after so many ms. Without it the request waits for ever, as the hook's does. */
  readonly timeout?: number
}

/**
 * Sends a GET byte for byte as the kubelet of Kubernetes 1.26 does and follows redirects as its `RedirectChecker(false)`
 * does: on the same host up to 10; to another host not at all, which counts as an answer.
 * Resolves with the status once the body has been read as far as the kubelet reads it.
 * Rejects when the connection fails before a status came.
 */
export async function kubeletGet(request: KubeletRequest): Promise<number> {
  const agent = request.userAgent === 'kube-lifecycle/1.26' ? new KubeletAgent() : undefined
  const first = new URL(`http://${request.host}:${request.port}${request.path}`)
  const state: Progress = {}
  const expire = () => {
    state.expired = new Error(`no whole answer within ${request.timeout} ms`)
    state.current?.destroy(state.expired)
  }
  const timer = request.timeout === undefined ? undefined : setTimeout(expire, request.timeout)
  try {
    let url = first
    let referer: string | undefined
    for (let followed = 0; ; followed++) {
      const { status, location } = await getOnce(url, request, referer, agent, state)
      if (!redirects.has(status) || location === undefined) return status
      const next = new URL(location, url)
      if (next.hostname !== first.hostname) return status
      if (next.protocol !== 'http:') throw new Error(`redirected to ${next.protocol} on the same host`)
      if (followed === maxRedirects - 1) throw new Error(`stopped after ${maxRedirects} redirects`)
      referer = url.href
      url = next
    }
  } finally {
    clearTimeout(timer)
  }
}

interface Progress {
  current?: http.ClientRequest
  expired?: Error
}

function getOnce(
  url: URL,
  { userAgent, headers: own = {} }: KubeletRequest,
  referer: string | undefined,
  agent: http.Agent | undefined,
  state: Progress,
): Promise<{ status: number; location: string | undefined }> {
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: url.hostname,
      port: url.port,
      path: url.pathname + url.search,
      agent: agent ?? false,
      // In the order Go writes them: Host and User-Agent, the request's own by name, then the transport's.
      headers: {
        ...goHeaders(url, userAgent, own, referer),
        ...(agent === undefined ? { Connection: 'close' } : { 'Accept-Encoding': 'gzip' }),
      },
    })
    // Go says nothing of keeping the connection; `setDefaultHeaders: false` would still let Node say it.
    if (agent !== undefined) request.removeHeader('Connection')
    state.current = request
    request.once('error', reject)
    request.once('response', (response) => {
      const { statusCode: status = 0, headers } = response
      const done = () => {
        // For a probe the body is part of the answer (Go's client timeout covers it), for a hook it is only discarded.
        if (state.expired !== undefined) reject(state.expired)
        else resolve({ status, location: headers.location })
      }
      response.on('error', done)
      response.once('close', done)
      if (Number(headers['content-length'] ?? 0) > bodyLimit) return void response.destroy()
      let read = 0
      response.on('data', (chunk: Buffer) => {
        read += chunk.length
        if (read > bodyLimit) response.destroy()
      })
    })
    request.end()
  })
}

/** What Go writes before the headers of its transport. `own` names are written as Go does, `X-Token` for `x-token`. */
function goHeaders(
  url: URL,
  userAgent: string,
  own: Readonly<Record<string, string>>,
  referer: string | undefined,
): Record<string, string> {
  const canonical = Object.entries(own).map(([name, value]): [string, string] => [
    name.toLowerCase().replace(/(^|-)[a-z]/g, (letters) => letters.toUpperCase()),
    value,
  ])
  const {
    Host = url.host,
    'User-Agent': agent = userAgent,
    ...others
  }: Record<string, string> = {
    Accept: '*/*',
    ...Object.fromEntries(canonical),
    ...(referer === undefined ? {} : { Referer: referer }),
  }
  const sorted = Object.entries(others).sort(([a], [b]) => (a < b ? -1 : 1))
  return { Host, 'User-Agent': agent, ...Object.fromEntries(sorted) }
}
