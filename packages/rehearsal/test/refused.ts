import { connect } from 'node:net'

/** Resolves when nobody listens on the port; a process being killed may accept once more, and then ends that connection. */
export async function whenRefused(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1').resume()
    const code = await new Promise<string | undefined>((resolve) => {
      let reason: string | undefined
      socket.on('error', (error: NodeJS.ErrnoException) => {
        reason = error.code
      })
      socket.on('close', () => resolve(reason))
    })
    if (code === 'ECONNREFUSED') return
  }
}
