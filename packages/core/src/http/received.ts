import type { Duplex } from 'node:stream'

/** How many bytes a connection has received. */
export interface Received {
  readonly bytesRead: number
}

/**
 * What a socket knows of itself. A server may be given other streams, as a channel of SSH or a pair in memory is: they do not
 * count their bytes, so a listener does. It takes no byte from the server, which listens to the same event and pauses the
 * stream where it has to.
 */
export function receivedBy(connection: Duplex & Partial<Received>): Received {
  if (typeof connection.bytesRead === 'number') return connection as Duplex & Received
  // What came before is not known. It is not nothing, as it is for a socket that is new.
  const received = { bytesRead: connection.readableDidRead ? 1 : 0 }
  connection.on('data', (chunk: { readonly length: number }) => {
    received.bytesRead += chunk.length
  })
  return received
}
