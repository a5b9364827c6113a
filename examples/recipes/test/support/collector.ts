import { json } from 'node:stream/consumers'
import type { TestContext } from 'vitest'
import { listen } from './listen.js'

interface Exported {
  resourceSpans: {
    scopeSpans: { spans: { kind: number; attributes: { key: string; value: { stringValue?: string } }[] }[] }[]
  }[]
}

/** A receiver of traces (OTLP over HTTP, JSON). */
export class Collector {
  /** The paths of all received server spans. */
  readonly paths: string[] = []
  url = ''

  private constructor() {}

  static async start(context: TestContext): Promise<Collector> {
    const collector = new Collector()
    const { url } = await listen(context, async (request, response) => {
      const { resourceSpans } = (await json(request)) as Exported
      for (const { kind, attributes } of resourceSpans.flatMap((r) => r.scopeSpans).flatMap((s) => s.spans)) {
        const path = attributes.find(({ key }) => key === 'http.target' || key === 'url.path')?.value.stringValue
        if (kind === 2 && path !== undefined) collector.paths.push(path)
      }
      response.setHeader('content-type', 'application/json').end('{}')
    })
    collector.url = url
    return collector
  }
}
