import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'vitest'

/** Another service, which knows prices. What is asked for as `slow` it answers when it is told to. */
export class Upstream {
  readonly asked: string[] = []
  url = ''
  #waiting: (() => void)[] = []

  private constructor() {}

  static async start({ onTestFinished }: TestContext): Promise<Upstream> {
    const upstream = new Upstream()
    const server = createServer((request, response) => {
      const name = (request.url ?? '').slice(1)
      upstream.asked.push(name)
      const answer = (): void => void response.end('{"price":2}')
      if (name === 'slow') upstream.#waiting.push(answer)
      else answer()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    upstream.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return upstream
  }

  /** How many wait for an answer. */
  readonly held = (): number => this.#waiting.length

  release(): void {
    for (const answer of this.#waiting.splice(0)) answer()
  }
}
