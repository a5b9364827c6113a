export { examine as problems } from '@podrain/manifests'

/** An object of the Kubernetes API, as it is written in a manifest. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}
