import type { Duplex } from 'node:stream'

/** Has the number of bytes that a connection has received. */
export interface Received {
  readonly bytesRead: number
}

/**
 * Returns the socket itself, or for another stream a counter of its bytes. A server may be given a stream that is not a
 * socket, such as an SSH channel, and that has no `bytesRead`. A listener then counts. It takes no bytes from the
 * server, which listens to 'data' itself and pauses the stream if it must.
 */
export function receivedBy(connection: Duplex & Partial<Received>): Received {
  if (typeof connection.bytesRead === 'number') return connection as Duplex & Received
  // The number of earlier bytes is not known. 1 marks that there were some.
  const received = { bytesRead: connection.readableDidRead ? 1 : 0 }
  connection.on('data', (chunk: { readonly length: number }) => {
    received.bytesRead += chunk.length
  })
  return received
}
