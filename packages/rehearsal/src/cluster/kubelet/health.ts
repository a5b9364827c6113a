import { connect } from 'node:http2'
import { connectTo } from '../../shared/connect.js'
import { callHeaders, healthCheck, healthOf, healthRequest, statusOf } from '../../shared/grpc.js'
import { ask } from './http2.js'

/** A health check of gRPC, as a kubelet sends it: without TLS, over a connection of its own. */
export interface HealthCheck {
  readonly host: string
  readonly port: number
  readonly service: string
  readonly timeout: number
}

/** Resolves with what the server says of its health. Rejects when it says nothing within `timeout` ms, or answers with an error. */
export async function checkHealth({ host, port, service, timeout }: HealthCheck): Promise<string> {
  const signal = AbortSignal.timeout(timeout)
  const session = connect(`http://${host}:${port}`, { createConnection: () => connectTo({ host, port }) })
  try {
    const sent = { body: healthRequest(service), signal }
    const { headers, trailers, body } = await ask(session, callHeaders(healthCheck, 'kube-probe/1.26'), sent)
    const { code, message } = statusOf(headers, trailers)
    if (code !== 0)
      throw new Error(message === '' ? `it answered ${headers[':status']} without a grpc-status` : message)
    return healthOf(body)
  } catch (error) {
    throw signal.aborted ? new Error(`no whole answer within ${timeout} ms`) : error
  } finally {
    session.destroy()
  }
}
