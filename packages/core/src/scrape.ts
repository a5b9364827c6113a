import type { Handler } from './endpoints.js'
import { describe } from './hooks.js'
import type { Logger } from './log.js'
import { routeOf } from './request.js'

/** What `/metrics` shows. A `Registry` of prom-client is one, and so is its `register`. */
export interface MetricsSource {
  readonly contentType: string
  metrics(): string | Promise<string>
}

/** Answers `GET /metrics`, on the control port: there it goes on when the application accepts nothing any more. */
export function scraper(source: MetricsSource, logger: Logger): Handler {
  return (request, response) => {
    if (routeOf(request) !== '/metrics' || request.method !== 'GET') return false
    const scrape = async (): Promise<void> => {
      const text = await source.metrics()
      response.writeHead(200, { 'content-type': source.contentType, 'cache-control': 'no-store' }).end(text)
    }
    scrape().catch((error) => {
      logger.error(`no metrics: ${describe(error)}`)
      response.writeHead(500, { 'content-length': 0 }).end()
    })
    return true
  }
}
