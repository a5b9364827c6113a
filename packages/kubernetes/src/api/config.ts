import { readFile } from 'node:fs/promises'
import type { RequestOptions } from 'node:https'

/** The part of a `KubeConfig` of @kubernetes/client-node that is used. All versions have it. */
export interface KubeConfigLike {
  getCurrentCluster(): { readonly server: string } | null
  // biome-ignore lint/suspicious/noExplicitAny: versions of client-node differ in what a user may have
  getCurrentUser(): any
  // biome-ignore lint/suspicious/noExplicitAny: it writes credentials into the options of a request of node:https
  applyToHTTPSOptions(options: any): Promise<void>
}

/** The directory in which the kubelet mounts the token, the CA certificate and the namespace of the pod. */
export const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * The pod's service account as a KubeConfig, like `loadFromCluster()` of client-node. The files are read for each request, because
 * the kubelet changes them.
 * https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/#directly-accessing-the-rest-api
 */
export function inCluster(
  { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443' }: NodeJS.ProcessEnv = process.env,
  directory: string = serviceAccount,
): KubeConfigLike {
  const inUrl = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return {
    getCurrentCluster: () => ({ server: `https://${inUrl}:${port}` }),
    getCurrentUser: () => ({ authProvider: { config: { tokenFile: `${directory}/token` } } }),
    async applyToHTTPSOptions(options: RequestOptions) {
      options.ca = await readFile(`${directory}/ca.crt`)
    },
  }
}

/**
 * The address of the API, and the options of a request to it. Must be called for each request, because tokens and certificates
 * change.
 */
export async function credentials(config: KubeConfigLike): Promise<{ server: string; options: RequestOptions }> {
  const cluster = config.getCurrentCluster()
  if (!cluster) throw new Error('the kubeConfig has no current cluster')
  const options: RequestOptions = { headers: {} }
  await config.applyToHTTPSOptions(options)
  const file: unknown = config.getCurrentUser()?.authProvider?.config?.tokenFile
  // The token is read from the file, because client-node caches it for a minute, and the kubelet may have changed it.
  if (typeof file === 'string') {
    const token = (await readFile(file, 'utf8')).trim()
    options.headers = { ...(options.headers as Record<string, string>), Authorization: `Bearer ${token}` }
  }
  return { server: cluster.server, options }
}
