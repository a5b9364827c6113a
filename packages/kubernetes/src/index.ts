export type { KubeConfigLike } from './api/config.js'
export { type Kubernetes, kubernetes } from './kubernetes.js'
export type { KubernetesOptions, ReportSettings } from './options.js'
