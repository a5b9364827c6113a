export type { KubeConfigLike } from './api/config.js'
export { type Kubernetes, kubernetes } from './kubernetes.js'
export type { AnnotationSettings, KubernetesOptions } from './options.js'
