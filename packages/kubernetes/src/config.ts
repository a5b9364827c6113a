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

/** The service account of the pod. Loaded only now: the package takes half a second and some 75 MB. */
export async function inCluster(): Promise<KubeConfigLike> {
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  config.loadFromCluster()
  return config
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
