import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export const podOf = { pod: 'web-1', namespace: 'shop' } as const

/** Milliseconds from the deletion of a pod to the change of its EndpointSlice, as measured in docs/proof/faithfulness.md. */
const sliceFollows = 20

/** An API server with a Service of two pods. One pod can be deleted, and clients can watch it. */
export class ClusterApi {
  readonly #server: Server
  readonly #watches = new Set<ServerResponse>()
  #deletedAt = Number.POSITIVE_INFINITY

  constructor() {
    this.#server = createServer(({ url = '' }, response) => {
      response.setHeader('date', new Date().toUTCString())
      if (url.includes('watch=true')) {
        response.write(`${JSON.stringify({ type: 'ADDED', object: this.#pod() })}\n`)
        this.#watches.add(response)
      } else if (url.includes('/services/')) response.end('{"kind":"Service","spec":{}}')
      else response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items: [this.#slice()] }))
    })
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  delete(): void {
    this.#deletedAt = performance.now()
    for (const watch of this.#watches) watch.write(`${JSON.stringify({ type: 'MODIFIED', object: this.#pod() })}\n`)
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  #pod(): object {
    const deleted = performance.now() >= this.#deletedAt
    const until = new Date(Date.now() + 30_000).toISOString()
    return {
      metadata: {
        name: podOf.pod,
        namespace: podOf.namespace,
        uid: 'a',
        resourceVersion: deleted ? '2' : '1',
        ...(deleted ? { deletionTimestamp: until, deletionGracePeriodSeconds: 30 } : {}),
      },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    }
  }

  #slice(): object {
    const terminating = performance.now() >= this.#deletedAt + sliceFollows
    const endpoint = (name: string, ends: boolean): object => ({
      addresses: ['127.0.0.1'],
      conditions: { ready: !ends, serving: true, terminating: ends },
      targetRef: { kind: 'Pod', name, namespace: podOf.namespace },
    })
    return {
      metadata: {
        name: 'web-a',
        resourceVersion: terminating ? '2' : '1',
        labels: { 'kubernetes.io/service-name': 'web' },
      },
      endpoints: [endpoint(podOf.pod, terminating), endpoint('web-2', false)],
    }
  }
}
