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
  /** Gives up with an error after so many ms. Without it the request waits for ever, as the hook's does. */
  readonly timeout?: number
}

/**
 * Sends a hook. What is answered to HTTPS by plain HTTP is asked once more by plain HTTP, without the header Authorization
 * (`isHTTPResponseError` in the source of the kubelet).
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
 * Sends a GET byte for byte as the kubelet of Kubernetes 1.26 does and follows redirects as its `RedirectChecker(false)`
 * does: on the same host up to 10; to another host not at all, which counts as an answer.
 * Resolves with the status once the body has been read as far as the kubelet reads it.
 * Rejects when the connection fails before a status came.
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
      // For a probe the body is part of the answer (Go's client timeout covers it), for a hook it is only discarded.
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
