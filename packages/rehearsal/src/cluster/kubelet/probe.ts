import { connect } from 'node:net'
import type { Probe } from '../../plan/options.js'
import { checkHealth } from './health.js'
import { kubeletGet } from './request.js'

/** The pod that a probe is sent to. */
export interface ProbedPod {
  readonly host: string
  readonly port: number
  exec(command: readonly string[], timeout: number): Promise<void>
}

/** Sends one probe. Resolves with whether it passed, and with a phrase that says what it found. Never rejects. */
export async function sendProbe(pod: ProbedPod, probe: Readonly<Probe>): Promise<{ ok: boolean; found: string }> {
  const { what, send } = attemptOf(pod, probe)
  try {
    const { ok, said } = await send()
    return { ok, found: `${what} ${said}` }
  } catch (error) {
    return { ok: false, found: `${what} failed: ${(error as Error).message}` }
  }
}

/** One kind of probe. `what` names it, such as `GET /readyz`. */
interface Attempt {
  readonly what: string
  /** `said` completes the phrase that `what` begins, such as `answered 503`. */
  send(): Promise<{ ok: boolean; said: string }>
}

function attemptOf(
  pod: ProbedPod,
  { path, port = pod.port, scheme, exec, grpc, httpHeaders: headers, timeoutSeconds }: Readonly<Probe>,
): Attempt {
  const { host } = pod
  const timeout = timeoutSeconds * 1000
  const worked = () => ({ ok: true, said: 'worked' })
  if (exec !== undefined) return { what: `\`${exec.join(' ')}\``, send: () => pod.exec(exec, timeout).then(worked) }
  if (grpc !== undefined) {
    const { port = pod.port, service = '' } = grpc
    const check = () => checkHealth({ host, port, service }, timeout)
    return {
      what: `the gRPC health check at port ${port}`,
      send: () => check().then((health) => ({ ok: health === 'SERVING', said: `answered ${health}` })),
    }
  }
  if (path === null) {
    return { what: `connecting to port ${port}`, send: () => tryConnection(host, port, timeout).then(worked) }
  }
  const get = () => kubeletGet({ host, port, path, scheme, userAgent: 'kube-probe/1.26', headers, timeout })
  return {
    what: `GET ${path}`,
    send: () => get().then((status) => ({ ok: status >= 200 && status < 400, said: `answered ${status}` })),
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
