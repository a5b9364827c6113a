import { describe } from '../shared/errors.js'
import type { Logger } from '../shared/log.js'
import { type Answer, pathOf } from '../shared/request.js'

/** The source of `/metrics`, such as a `Registry` of prom-client, or `register`, its default registry. */
export interface MetricsSource {
  /** The value of `Content-Type`. */
  readonly contentType: string
  /** The metrics as text. If it throws or rejects, the scrape gets 500, and the error is logged. */
  metrics(): string | Promise<string>
}

/** Answers `GET /metrics` on the control port. */
export function scraper(source: MetricsSource, logger: Logger): Answer {
  return (request, response) => {
    if (pathOf(request) !== '/metrics' || request.method !== 'GET') return false
    const scrape = async (): Promise<void> => {
      const text = await source.metrics()
      // setHeader() and not writeHead(): if end() throws because of the text, the status can still become 500.
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
