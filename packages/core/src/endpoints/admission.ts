import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Logger } from '../shared/log.js'
import { routeOf } from '../shared/request.js'
import type { Refusal } from '../shared/states.js'
import { refusalInterval } from '../shared/timing.js'

/** The kubelet sends none of these. Most proxies add one; a bare nginx or HAProxy does not, and below HTTP none can. */
const proxyHeaders = ['forwarded', 'via', 'x-real-ip']
const proxyPrefixes = ['x-forwarded-', 'x-envoy-']

/** Who was refused by one attachment. Another on the same server, which asks for no token, must not let them in. */
const refused = new WeakSet<IncomingMessage>()

/**
 * Who may start a drain. A GET that takes a pod out of service is a known class of attack (CVE-2024-40632), so a caller
 * that came through a proxy is refused, and with a token every caller that does not have it.
 */
export class Admission {
  readonly #tokens: readonly Buffer[]
  readonly #logger: Logger
  readonly #onRefusal: (refusal: Refusal) => void
  readonly #spokeAt = new Map<string, number>()

  constructor(tokens: readonly string[], logger: Logger, onRefusal: (refusal: Refusal) => void) {
    this.#tokens = tokens.map((token) => digest(`Bearer ${token}`))
    this.#logger = logger
    this.#onRefusal = onRefusal
  }

  /** Whether the caller may. A refusal is loud in the log: to the kubelet a refused hook looks like a successful one. */
  admits(request: IncomingMessage, endpoint: Refusal['endpoint']): boolean {
    const header = Object.keys(request.headers).find(
      (name) => proxyHeaders.includes(name) || proxyPrefixes.some((prefix) => name.startsWith(prefix)),
    )
    if (header !== undefined) {
      const remedy = 'the kubelet calls the pod itself (lifecycle.preStop.httpGet); keep this path out of the Ingress'
      return this.#refuse(request, endpoint, `it came through a proxy (header ${header}); ${remedy}`)
    }
    if (this.#tokens.length === 0) return !refused.has(request)
    if (!this.#knows(request.headers.authorization ?? '')) {
      const remedy = 'the hook needs httpHeaders: [{ name: Authorization, value: Bearer <token> }]'
      return this.#refuse(request, endpoint, `its \`Authorization: Bearer\` is not the \`token\`; ${remedy}`)
    }
    return true
  }

  /** Digests are of one length, as a comparison in constant time wants; and no token is found sooner than another. */
  #knows(authorization: string): boolean {
    const given = digest(authorization)
    return this.#tokens.reduce((known, token) => timingSafeEqual(token, given) || known, false)
  }

  #refuse(request: IncomingMessage, endpoint: Refusal['endpoint'], why: string): false {
    refused.add(request)
    this.#onRefusal({ endpoint, why })
    const now = performance.now()
    if (now - (this.#spokeAt.get(endpoint) ?? Number.NEGATIVE_INFINITY) >= refusalInterval) {
      this.#spokeAt.set(endpoint, now)
      const from = request.socket.remoteAddress ?? 'an unknown address'
      this.#logger.warn(`refused ${request.method} ${routeOf(request)} from ${from}: ${why}`)
    }
    return false
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
