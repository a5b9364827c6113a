import { describe } from '../shared/errors.js'
import type { Logger } from '../shared/log.js'
import { type Answer, routeOf } from '../shared/request.js'

/** The source of `/metrics`. A `Registry` of prom-client is one, and so is its `register`. */
export interface MetricsSource {
  readonly contentType: string
  metrics(): string | Promise<string>
}

/** Answers `GET /metrics` on the control port, which goes on when the application accepts no more connections. */
export function scraper(source: MetricsSource, logger: Logger): Answer {
  return (request, response) => {
    if (routeOf(request) !== '/metrics' || request.method !== 'GET') return false
    const scrape = async (): Promise<void> => {
      const text = await source.metrics()
      // Not writeHead(): if end() rejects the text, it would be too late for another status.
      response.setHeader('content-type', source.contentType)
      response.setHeader('cache-control', 'no-store')
      response.end(text)
    }
    scrape().catch((error) => {
      logger.error(`/metrics failed: ${describe(error)}`)
      response.writeHead(500, { 'content-length': 0 }).end()
    })
    return true
  }
}
