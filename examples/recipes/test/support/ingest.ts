import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import type { TestContext } from 'vitest'
import { listen } from './listen.js'

/** Receives the envelopes (lines of JSON) of the Sentry SDK, and collects the messages of errors. */
export async function ingest(context: TestContext): Promise<{ dsn: string; errors: string[] }> {
  const errors: string[] = []
  const { port } = await listen(context, async (request, response) => {
    const bytes = await buffer(request)
    const envelope = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes
    for (const line of envelope.toString().split('\n').filter(Boolean)) {
      for (const { value } of JSON.parse(line).exception?.values ?? []) errors.push(value)
    }
    response.end('{}')
  })
  return { dsn: `http://key@127.0.0.1:${port}/1`, errors }
}
