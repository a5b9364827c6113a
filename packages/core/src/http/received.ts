import type { Duplex } from 'node:stream'

/** Counts the bytes that a connection has received. */
export interface Received {
  readonly bytesRead: number
}

/**
 * Returns the socket itself, or a counter for a stream that has no `bytesRead`. An application may pass such a stream to a server
 * as a connection, for example an SSH channel. The counter listens to 'data'. The server gets all bytes nevertheless, because it
 * also listens to 'data', and pauses the stream itself.
 */
export function receivedBy(connection: Duplex & Partial<Received>): Received {
  if (typeof connection.bytesRead === 'number') return connection as Duplex & Received
  // The number of earlier bytes is not known. 1 stands for "some".
  const received = { bytesRead: connection.readableDidRead ? 1 : 0 }
  connection.on('data', (chunk: { readonly length: number }) => {
    received.bytesRead += chunk.length
  })
  return received
}
