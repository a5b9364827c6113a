import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Place } from '../front.js'

/** Forwards an upgrade request unchanged, and then every byte in both directions. */
export function tunnel(upstream: Place, request: IncomingMessage, client: Duplex, head: Buffer): void {
  const pod = connect({ ...upstream, noDelay: true })
  let answered = false
  const refused = 'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
  pod.once('data', () => {
    answered = true
  })
  // A connection that the pod has cut is cut on the client's side too.
  pod.on('error', () => {
    if (answered) client.destroy()
  })
  pod.once('close', () => {
    if (!client.writableEnded) client.end(answered ? undefined : refused)
  })
  client.on('error', () => pod.destroy()).once('close', () => pod.destroy())
  const { method, url, rawHeaders } = request
  const headers = rawHeaders.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join('')
  pod.write(`${method} ${url} HTTP/1.1\r\n${headers}\r\n`)
  pod.write(head)
  client.pipe(pod)
  pod.pipe(client, { end: false })
}
