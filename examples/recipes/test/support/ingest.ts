import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import type { TestContext } from 'vitest'

/** Takes what the SDK of Sentry sends (envelopes: lines of JSON), and remembers the messages of errors. */
export async function ingest({ onTestFinished }: TestContext): Promise<{ dsn: string; errors: string[] }> {
  const errors: string[] = []
  const server = createServer(async (request, response) => {
    const bytes = await buffer(request)
    const envelope = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes
    for (const line of envelope.toString().split('\n').filter(Boolean)) {
      for (const { value } of JSON.parse(line).exception?.values ?? []) errors.push(value)
    }
    response.end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { dsn: `http://key@127.0.0.1:${(server.address() as AddressInfo).port}/1`, errors }
}
