import { connect } from 'node:http2'
import { connectTo } from '../../shared/connect.js'
import { callHeaders, healthCheck, healthOf, healthRequest, statusOf } from '../../shared/grpc.js'
import { ask, UnprocessedError } from './http2.js'

/** A gRPC health check as a kubelet sends it: without TLS, over its own connection. */
export interface HealthCheck {
  readonly host: string
  readonly port: number
  readonly service: string
}

/** Resolves with the status that the server reports, such as `SERVING`. Rejects when it does not answer within `timeout` ms, or answers with an error. */
export async function checkHealth(check: HealthCheck, timeout: number): Promise<string> {
  const signal = AbortSignal.timeout(timeout)
  try {
    // gRPC clients retry a call once that the server has not processed (gRPC proposal A6): a server may send GOAWAY on a new connection.
    return await checkOnce(check, signal).catch((error) => {
      if (error instanceof UnprocessedError) return checkOnce(check, signal)
      throw error
    })
  } catch (error) {
    throw signal.aborted ? new Error(`no whole answer within ${timeout} ms`) : error
  }
}

async function checkOnce({ host, port, service }: HealthCheck, signal: AbortSignal): Promise<string> {
  const session = connect(`http://${host}:${port}`, { createConnection: () => connectTo({ host, port }) })
  try {
    const sent = { body: healthRequest(service), signal }
    const { headers, trailers, body } = await ask(session, callHeaders(healthCheck, 'kube-probe/1.26'), sent)
    const { code, message } = statusOf(headers, trailers)
    if (code !== 0)
      throw new Error(message === '' ? `it answered ${headers[':status']} without a grpc-status` : message)
    return healthOf(body)
  } finally {
    session.destroy()
  }
}
