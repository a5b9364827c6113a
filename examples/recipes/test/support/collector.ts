import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { TestContext } from 'vitest'

interface Exported {
  resourceSpans: {
    scopeSpans: { spans: { kind: number; attributes: { key: string; value: { stringValue?: string } }[] }[] }[]
  }[]
}

/** A receiver of traces (OTLP over HTTP, JSON). */
export class Collector {
  /** The paths of the requests whose spans have come, spans of servers only. */
  readonly paths: string[] = []
  url = ''
  readonly #server: Server

  private constructor() {
    this.#server = createServer(async (request, response) => {
      const { resourceSpans } = (await json(request)) as Exported
      for (const { kind, attributes } of resourceSpans.flatMap((r) => r.scopeSpans).flatMap((s) => s.spans)) {
        const path = attributes.find(({ key }) => key === 'http.target' || key === 'url.path')?.value.stringValue
        if (kind === 2 && path !== undefined) this.paths.push(path)
      }
      response.setHeader('content-type', 'application/json').end('{}')
    })
  }

  static async start({ onTestFinished }: TestContext): Promise<Collector> {
    const collector = new Collector()
    const server = collector.#server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    collector.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return collector
  }
}
