export type { KubeConfigLike } from './config.js'
export { type Kubernetes, kubernetes } from './kubernetes.js'
export type { KubernetesOptions, ReportSettings } from './options.js'
