import { readFile } from 'node:fs/promises'
import type { RequestOptions } from 'node:https'

/** What is used of a `KubeConfig` of @kubernetes/client-node, so that any version of it will do. */
export interface KubeConfigLike {
  getCurrentCluster(): { readonly server: string } | null
  // biome-ignore lint/suspicious/noExplicitAny: versions of client-node differ in what a user may have
  getCurrentUser(): any
  // biome-ignore lint/suspicious/noExplicitAny: it writes credentials into the options of a request of node:https
  applyToHTTPSOptions(options: any): Promise<void>
}

/** Where the kubelet mounts what a pod needs to call the API. */
export const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * The service account of the pod, as `loadFromCluster()` of client-node has it. The files are read for each request, because the
 * kubelet changes them.
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

/** The address of the API and what a request to it needs, asked for anew each time: tokens and certificates change. */
export async function credentials(config: KubeConfigLike): Promise<{ server: string; options: RequestOptions }> {
  const cluster = config.getCurrentCluster()
  if (!cluster) throw new Error('the kubeConfig has no current cluster')
  const options: RequestOptions = { headers: {} }
  await config.applyToHTTPSOptions(options)
  const file: unknown = config.getCurrentUser()?.authProvider?.config?.tokenFile
  // The kubelet changes the token in the file; client-node remembers what it has read for a minute.
  if (typeof file === 'string') {
    const token = (await readFile(file, 'utf8')).trim()
    options.headers = { ...(options.headers as Record<string, string>), Authorization: `Bearer ${token}` }
  }
  return { server: cluster.server, options }
}
