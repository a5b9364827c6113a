import type { TestContext } from 'vitest'
import { listen } from './listen.js'

/** Another service, which returns prices. It answers requests for `slow` when `release()` is called. */
export class Upstream {
  readonly asked: string[] = []
  url = ''
  #waiting: (() => void)[] = []

  private constructor() {}

  static async start(context: TestContext): Promise<Upstream> {
    const upstream = new Upstream()
    const { url } = await listen(context, (request, response) => {
      const name = (request.url ?? '').slice(1)
      upstream.asked.push(name)
      const answer = (): void => void response.end('{"price":2}')
      if (name === 'slow') upstream.#waiting.push(answer)
      else answer()
    })
    upstream.url = url
    return upstream
  }

  /** The number of requests that wait for a response. */
  readonly held = (): number => this.#waiting.length

  release(): void {
    for (const answer of this.#waiting.splice(0)) answer()
  }
}
