/** A pod: an HTTP server with podrain. If the variable API has the URL of an API server, with `@podrain/kubernetes`, too. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { drainServer } from '@podrain/core'
import { kubernetes } from '@podrain/kubernetes'
import { podOf } from './cluster.js'

const { API } = process.env
const server = createServer((_request, response) => void sleep(20).then(() => response.end('ok')))
const drain = drainServer(server, { platform: 'kubernetes', logger: false })
if (API !== undefined) {
  const kubeConfig = {
    getCurrentCluster: () => ({ server: API }),
    getCurrentUser: () => ({}),
    async applyToHTTPSOptions() {},
  }
  kubernetes(drain, { ...podOf, kubeConfig })
}
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
