import { connect } from 'node:net'
import { kubeletGet } from './kubelet-request.js'
import type { ReadinessProbe } from './options.js'

/** Sends one readiness probe. Resolves with whether it was passed, and with what it found, in words; never rejects. */
export async function sendProbe(
  { host, port: podPort }: { readonly host: string; readonly port: number },
  { path, port = podPort, timeoutSeconds }: Readonly<ReadinessProbe>,
): Promise<{ ok: boolean; found: string }> {
  const timeout = timeoutSeconds * 1000
  const what = path === null ? `connecting to port ${port}` : `GET ${path}`
  try {
    if (path === null) {
      await tryConnection(host, port, timeout)
      return { ok: true, found: `${what} worked` }
    }
    const status = await kubeletGet({ host, port, path, userAgent: 'kube-probe/1.26', timeout })
    return { ok: status >= 200 && status < 400, found: `${what} answered ${status}` }
  } catch (error) {
    return { ok: false, found: `${what} failed: ${(error as Error).message}` }
  }
}

function tryConnection(host: string, port: number, timeout: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout })
    socket.once('timeout', () => socket.destroy(new Error(`no connection within ${timeout} ms`)))
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
  })
}
