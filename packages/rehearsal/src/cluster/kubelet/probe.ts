import { connect } from 'node:net'
import type { Probe } from '../../plan/options.js'
import { kubeletGet } from './request.js'

/** What a probe is sent to. */
export interface ProbedPod {
  readonly host: string
  readonly port: number
  exec(command: readonly string[], timeout: number): Promise<void>
}

/** Sends one probe. Resolves with whether it was passed, and with what it found, in words; never rejects. */
export async function sendProbe(
  pod: ProbedPod,
  { path, port = pod.port, exec, httpHeaders, timeoutSeconds }: Readonly<Probe>,
): Promise<{ ok: boolean; found: string }> {
  const timeout = timeoutSeconds * 1000
  const what =
    exec !== undefined ? `\`${exec.join(' ')}\`` : path === null ? `connecting to port ${port}` : `GET ${path}`
  try {
    if (exec !== undefined) await pod.exec(exec, timeout)
    else if (path === null) await tryConnection(pod.host, port, timeout)
    else {
      const { host } = pod
      const status = await kubeletGet({ host, port, path, userAgent: 'kube-probe/1.26', headers: httpHeaders, timeout })
      return { ok: status >= 200 && status < 400, found: `${what} answered ${status}` }
    }
    return { ok: true, found: `${what} worked` }
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
