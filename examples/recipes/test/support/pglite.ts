import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { PGlite } from '@electric-sql/pglite'

/**
 * Postgres compiled to WebAssembly, on a TCP socket. It has one session. So a client has the session for a whole batch of messages
 * (up to Query or Sync), or for a whole transaction. @electric-sql/pglite-socket 0.2.17 switches clients between two messages of a
 * batch, and clients get each other's rows (electric-sql/pglite#1046).
 */
export async function pglite(): Promise<{ port: number; stop(): Promise<void> }> {
  const database = await PGlite.create()
  let last = Promise.resolve()
  /** Resolves when the caller has the session, with the function that releases the session. */
  async function turn(): Promise<() => void> {
    const before = last
    let end = (): void => {}
    last = new Promise((resolve) => {
      end = resolve
    })
    await before
    return end
  }
  async function serve(socket: Socket): Promise<void> {
    let end: (() => void) | undefined
    try {
      for await (const batch of batches(socket)) {
        end ??= await turn()
        socket.write(await database.execProtocolRaw(batch))
        if (database.isInTransaction()) continue
        end()
        end = undefined
      }
    } finally {
      if (end) await database.exec('rollback')
      end?.()
      socket.end()
    }
  }
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => void serve(socket).catch(() => {}))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      server.close()
      await database.close()
    },
  }
}

/** The messages of a client in batches up to Query or Sync. Ends with the connection, or with the message Terminate. */
async function* batches(socket: Socket): AsyncGenerator<Uint8Array> {
  let bytes = Buffer.alloc(0)
  let read = 0
  let started = false
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, chunk])
    while (bytes.length >= read + 5) {
      // The first message has no type.
      const size = started ? 1 + bytes.readInt32BE(read + 1) : bytes.readInt32BE(0)
      if (bytes.length < read + size) break
      const type = started ? String.fromCharCode(bytes.readUInt8(read)) : 'startup'
      started = true
      read += size
      if (type === 'X') return
      if (type !== 'startup' && type !== 'Q' && type !== 'S') continue
      yield bytes.subarray(0, read)
      bytes = bytes.subarray(read)
      read = 0
    }
  }
}
