import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AdapterOptions, Drain } from '@podrain/core'
import { type KubeConfigLike, kubernetes } from '@podrain/kubernetes'

/** Milliseconds that a request takes. */
const work = 20
const account = '/var/run/secrets/kubernetes.io/serviceaccount'
let alive = true

export const port: number = Number(process.env.PORT ?? 8080)
export const host: string = process.env.HOST ?? '0.0.0.0'

export const options: AdapterOptions = process.env.CONTROL_SOCKET ? { controlSocket: process.env.CONTROL_SOCKET } : {}

/** What every framework serves. */
export async function answer(path: string): Promise<{ status: number; body: string }> {
  if (path === '/alive') return { status: alive ? 200 : 500, body: 'alive\n' }
  if (path === '/die') alive = false
  await sleep(work)
  return { status: 200, body: `${process.env.HOSTNAME ?? 'here'}\n` }
}

export const listener: RequestListener = (request, response) => {
  void answer(request.url ?? '/').then(({ status, body }) => {
    response.statusCode = status
    response.end(body)
  })
}

/** Follows the cluster, where the case says so, without all of client-node in the bundle. */
export function follow(drain: Drain): void {
  if (process.env.FOLLOW !== 'yes') return
  const kubeConfig: KubeConfigLike = {
    getCurrentCluster: () => ({
      server: `https://${process.env.KUBERNETES_SERVICE_HOST}:${process.env.KUBERNETES_SERVICE_PORT}`,
    }),
    getCurrentUser: () => ({ authProvider: { config: { tokenFile: `${account}/token` } } }),
    async applyToHTTPSOptions(request) {
      request.ca = readFileSync(`${account}/ca.crt`)
    },
  }
  kubernetes(drain, { kubeConfig })
}
