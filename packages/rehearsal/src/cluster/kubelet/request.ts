import type { Scheme } from '../../plan/options.js'
import { get, KubeletAgent } from './get.js'

const maxRedirects = 10
const redirects = new Set([301, 302, 303, 307, 308])

/** One GET as the kubelet sends it. */
export interface KubeletRequest {
  readonly host: string
  readonly port: number
  readonly path: string
  /** @default 'HTTP' */
  readonly scheme?: Scheme | undefined
  readonly userAgent: 'kube-probe/1.26' | 'kube-lifecycle/1.26'
  /** The hook's or probe's own `httpHeaders`; they win over the kubelet's. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** ms after which the request fails. Undefined: it waits without a limit, as a hook's request does. */
  readonly timeout?: number
}

/**
 * Sends the request of a hook. When the server answers an HTTPS request with plain HTTP, the request is sent again by plain HTTP
 * and without its Authorization header (`isHTTPResponseError` in the source of the kubelet).
 */
export async function sendHook(hook: Omit<KubeletRequest, 'userAgent' | 'timeout'>): Promise<number> {
  const userAgent = 'kube-lifecycle/1.26'
  try {
    return await kubeletGet({ ...hook, userAgent })
  } catch (error) {
    if (hook.scheme !== 'HTTPS' || !/wrong version number/i.test((error as Error).message)) throw error
    const headers = Object.entries(hook.headers ?? {}).filter(([name]) => name.toLowerCase() !== 'authorization')
    return await kubeletGet({ ...hook, scheme: 'HTTP', headers: Object.fromEntries(headers), userAgent })
  }
}

/**
 * Sends a GET byte for byte as the kubelet of Kubernetes 1.26 does. Redirects are followed as by its `RedirectChecker(false)`:
 * up to 10 on the same host. A redirect to another host is not followed and counts as the response.
 * Resolves with the status when the body has been read as far as the kubelet reads it.
 * Rejects when the connection fails before the status has arrived.
 */
export async function kubeletGet(request: KubeletRequest): Promise<number> {
  const { host, port, path, scheme = 'HTTP', userAgent, headers = {}, timeout } = request
  const agent = userAgent === 'kube-lifecycle/1.26' ? new KubeletAgent() : undefined
  const ofTransport = agent === undefined ? { Connection: 'close' } : { 'Accept-Encoding': 'gzip' }
  const expiry = new AbortController()
  const { signal } = expiry
  const expire = () => expiry.abort(new Error(`no whole answer within ${timeout} ms`))
  const timer = timeout === undefined ? undefined : setTimeout(expire, timeout)
  const first = new URL(`${scheme.toLowerCase()}://${host}:${port}${path}`)
  try {
    let url = first
    let referer: string | undefined
    for (let followed = 0; ; followed++) {
      const sent = { ...goHeaders(url, userAgent, headers, referer), ...ofTransport }
      const { status, location } = await get({ url, headers: sent, agent, signal })
      // The timeout of a probe covers the body too, as Go's client timeout does. A hook has no timeout.
      signal.throwIfAborted()
      if (!redirects.has(status) || location === undefined) return status
      const next = new URL(location, url)
      if (next.hostname !== first.hostname) return status
      if (next.protocol !== 'http:' && next.protocol !== 'https:') throw new Error(`redirected to ${next.protocol}`)
      if (followed === maxRedirects - 1) throw new Error(`stopped after ${maxRedirects} redirects`)
      referer = url.href
      url = next
    }
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/** The headers that Go writes before those of its transport. The names in `own` are spelt as Go does: `X-Token` for `x-token`. */
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
