import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Logger } from '../shared/log.js'
import { pathOf } from '../shared/request.js'
import type { Refusal } from '../shared/states.js'
import { refusalInterval } from '../shared/timing.js'

/**
 * Names of headers that proxies, load balancers and CDNs add, with dashes in place of underscores. The kubelet sends
 * none of them. nginx and HAProxy add none without configuration, and a TCP load balancer cannot add headers. Request ids
 * and traces (`x-request-id`, `traceparent`, `b3`) are not in the list, because service meshes also add them to the
 * kubelet's requests.
 *
 * - RFC 7239 (`forwarded`), RFC 9110 §7.6.3 (`via`), RFC 8586 (`cdn-loop`); `x-forwarded-*` and its older forms:
 *   `x-client-ip`, `x-cluster-client-ip` (Rackspace, Zeus), `client-ip` (Apache Traffic Server), `wl-proxy-client-ip`
 *   (WebLogic)
 * - nginx and ingress-nginx: `x-real-ip`, `x-original-forwarded-for`, `x-original-uri`, `x-scheme`; HAProxy:
 *   `x-original-to` (`option originalto`); Envoy: `x-envoy-*`; Varnish: `x-varnish`; Kong: `x-kong-request-id`
 * - AWS: `x-amzn-trace-id`, `x-amzn-tls-*`, `x-amzn-oidc-*` (Application Load Balancer), `x-amz-cf-id`, `cloudfront-*`
 *   (CloudFront)
 * - Google Cloud: `x-cloud-trace-context` (load balancer, Cloud Run), `x-goog-iap-*`, `x-goog-authenticated-*` (IAP),
 *   `x-appengine-*`
 * - Azure: `x-azure-*` (Front Door), `x-appgw-*`, `x-original-host` (Application Gateway), `x-arr-*`, `disguised-host`
 *   (App Service)
 * - Cloudflare: `cf-*`, `true-client-ip` (also Akamai); Akamai: `x-akamai-*`, `akamai-*`; Fastly: `fastly-*`; Imperva:
 *   `incap-*`; Sucuri: `x-sucuri-*`; Alibaba Cloud: `ali-*`, `eagleeye-*`; bunny.net and ChinaNetCenter: `cdn-*`
 * - Fly.io: `fly-*`; Vercel: `x-vercel-*`; Netlify: `x-nf-*`; Heroku and others that queue: `x-request-start`
 */
const proxyHeaders = new Set([
  ...['forwarded', 'via', 'x-real-ip', 'x-scheme', 'x-varnish', 'x-kong-request-id', 'x-request-start'],
  ...['client-ip', 'x-client-ip', 'x-cluster-client-ip', 'x-proxyuser-ip', 'proxy-client-ip', 'wl-proxy-client-ip'],
  ...['forwarded-for', 'true-client-ip', 'x-cloud-trace-context', 'disguised-host'],
])
const proxyPrefixes = [
  ...['x-forwarded', 'x-original-', 'x-envoy-'],
  ...['x-amzn-', 'x-amz-cf-', 'cloudfront-', 'x-goog-iap-', 'x-goog-authenticated-', 'x-appengine-'],
  ...['x-azure-', 'x-appgw-', 'x-arr-', 'cf-', 'cdn-', 'x-akamai-', 'akamai-', 'fastly-', 'incap-', 'x-sucuri-'],
  ...['ali-', 'eagleeye-', 'fly-', 'x-vercel-', 'x-nf-'],
]

/**
 * Headers that a browser adds by itself, besides all that begin with `sec-` (Fetch Standard, RFC 9110 §10.1.3, RFC
 * 6265). Any web page can make a browser that reaches the pod (`kubectl port-forward`, a VPN) send a GET, even if the
 * page cannot read the response.
 */
const browserHeaders = ['origin', 'referer', 'cookie']

/**
 * Requests that an attachment has refused. Another attachment on the same server, without a token, must not admit them.
 */
const refused = new WeakSet<IncomingMessage>()

/**
 * Decides who may start a drain. A GET that takes a pod out of service is a known class of attack (CVE-2024-40632). So
 * requests through a proxy or from a browser are refused. If there are tokens, requests without one of them are refused, too.
 */
export class Admission {
  readonly #tokens: readonly Buffer[]
  readonly #logger: Logger
  readonly #onRefusal: (refusal: Refusal) => void
  readonly #loggedAt = new Map<string, number>()

  constructor(tokens: readonly string[], logger: Logger, onRefusal: (refusal: Refusal) => void) {
    this.#tokens = tokens.map(digest)
    this.#logger = logger
    this.#onRefusal = onRefusal
  }

  /**
   * Whether the caller is admitted. A refusal is logged, because the kubelet takes the 404 to a refused hook for a success.
   */
  admits(request: IncomingMessage, endpoint: Refusal['endpoint']): boolean {
    const proxy = Object.keys(request.headers).find(isOfProxy)
    if (proxy !== undefined) {
      const remedy = 'the kubelet calls the pod itself (lifecycle.preStop.httpGet); keep this path out of the Ingress'
      return this.#refuse(request, endpoint, `it came through a proxy (header ${proxy}); ${remedy}`)
    }
    const browser = Object.keys(request.headers).find((name) => isOfBrowser(name, request.headers[name]))
    if (browser !== undefined) {
      const remedy = 'any page could send it; ask with curl'
      return this.#refuse(request, endpoint, `it came from a browser (header ${browser}); ${remedy}`)
    }
    if (this.#tokens.length === 0) return !refused.has(request)
    if (!this.#hasToken(request.headers.authorization ?? '')) {
      const remedy = 'the hook needs httpHeaders: [{ name: Authorization, value: Bearer <token> }]'
      return this.#refuse(request, endpoint, `its \`Authorization: Bearer\` is not the \`token\`; ${remedy}`)
    }
    return true
  }

  /**
   * Whether the credentials have one of the tokens. Digests have the same length, which a comparison in constant time
   * needs. All tokens are compared, so that the time does not tell which one matched.
   */
  #hasToken(authorization: string): boolean {
    // The scheme is case-insensitive, and any number of spaces may follow it (RFC 9110 §11.1, §11.4).
    const given = digest(/^bearer +(.*)$/i.exec(authorization)?.[1] ?? '')
    return this.#tokens.reduce((matched, token) => timingSafeEqual(token, given) || matched, false)
  }

  #refuse(request: IncomingMessage, endpoint: Refusal['endpoint'], why: string): false {
    refused.add(request)
    this.#onRefusal({ endpoint, why })
    const now = performance.now()
    if (now - (this.#loggedAt.get(endpoint) ?? Number.NEGATIVE_INFINITY) >= refusalInterval) {
      this.#loggedAt.set(endpoint, now)
      const from = request.socket.remoteAddress ?? 'an unknown address'
      this.#logger.warn(`refused ${request.method} ${pathOf(request)} from ${from}: ${why}`)
    }
    return false
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function isOfProxy(header: string): boolean {
  const name = header.replaceAll('_', '-')
  return proxyHeaders.has(name) || proxyPrefixes.some((prefix) => name.startsWith(prefix))
}

function isOfBrowser(name: string, value: unknown): boolean {
  // Node's own fetch() sends this header without any other `sec-` header. A browser sends several of them.
  if (name === 'sec-fetch-mode' && value === 'cors') return false
  // A page can suppress the other headers, but not the user agent. PowerShell's also begins with `Mozilla/`.
  if (name === 'user-agent') return /^Mozilla\/(?!.*PowerShell\/)/.test(String(value))
  return browserHeaders.includes(name) || name.startsWith('sec-')
}
