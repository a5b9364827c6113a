import type { Behind } from '@podrain/core'

/** A controller of Ingresses or Gateways. */
export interface Controller {
  /** Its usual name. */
  readonly name: string
  /** Its preset in podrain, or the nearest one. */
  readonly behind: Behind
  /** Whether the preset is only the nearest one. */
  readonly isNearest: boolean
  /** How long it needs to learn that a pod ends, in ms, if its documentation says another time than the preset. */
  readonly settle?: number
  /** How its IngressClass or GatewayClass names it: beginnings of `spec.controller` or `spec.controllerName`. */
  readonly controllers: readonly string[]
  /** The usual names of its classes, by convention and in its documentation, for classes that are not in the files. */
  readonly ingressClass?: RegExp
  readonly gatewayClass?: RegExp
}

/** All known controllers. A page lists them: docs/operate/load-balancers.md. */
export const controllers: readonly Controller[] = [
  {
    name: 'aws-alb',
    behind: 'aws-alb',
    isNearest: false,
    controllers: ['ingress.k8s.aws/alb', 'eks.amazonaws.com/alb', 'gateway.k8s.aws/alb'],
    ingressClass: /^alb$/,
    gatewayClass: /^(aws-)?alb/,
  },
  {
    name: 'aws-nlb',
    behind: 'aws-nlb',
    isNearest: false,
    controllers: ['gateway.k8s.aws/nlb'],
    gatewayClass: /^(aws-)?nlb/,
  },
  {
    name: 'gke-neg',
    behind: 'gke-neg',
    isNearest: false,
    controllers: ['networking.gke.io/gateway', 'k8s.io/ingress-gce'],
    ingressClass: /^gce(-internal)?$/,
    gatewayClass: /^gke-l7-/,
  },
  {
    // "between a second and a few minutes", and a hook of 90 s:
    // https://azure.github.io/application-gateway-kubernetes-ingress/how-tos/minimize-downtime-during-deployments
    name: 'Azure Application Gateway',
    behind: 'aws-nlb',
    isNearest: true,
    settle: 90_000,
    controllers: ['azure/application-gateway'],
    ingressClass: /^azure[-/]application-gateway$/,
  },
  {
    // F5's controller writes the addresses to its configuration and reloads. Only NGINX Plus is updated by an API:
    // https://docs.nginx.com/nginx-ingress-controller/overview/nginx-plus
    name: 'NGINX Ingress Controller (F5)',
    behind: 'ingress-nginx',
    isNearest: true,
    controllers: ['nginx.org/ingress-controller'],
  },
  {
    name: 'NGINX Gateway Fabric',
    behind: 'nginx-gateway-fabric',
    isNearest: false,
    controllers: ['gateway.nginx.org/nginx-gateway-controller'],
    gatewayClass: /^nginx$/,
  },
  {
    name: 'ingress-nginx',
    behind: 'ingress-nginx',
    isNearest: false,
    // The app routing of AKS uses ingress-nginx too: https://learn.microsoft.com/en-us/azure/aks/app-routing
    controllers: ['k8s.io/ingress-nginx', 'webapprouting.kubernetes.azure.com/'],
    ingressClass: /^(nginx(-|$)|webapprouting\.kubernetes\.azure\.com$)/,
  },
  {
    name: 'Traefik',
    behind: 'traefik',
    isNearest: false,
    controllers: ['traefik.io/'],
    ingressClass: /^traefik(-|$)/,
    gatewayClass: /^traefik/,
  },
  {
    // Reloads at most every 2 s (--rate-limit-update):
    // https://haproxy-ingress.github.io/docs/configuration/command-line/#rate-limit-update
    name: 'HAProxy Ingress',
    behind: 'haproxy',
    isNearest: false,
    settle: 5000,
    controllers: ['haproxy-ingress.github.io/'],
  },
  {
    // OpenShift's router is HAProxy too: https://docs.openshift.com/container-platform/latest/networking/ingress-operator.html
    name: 'HAProxy',
    behind: 'haproxy',
    isNearest: false,
    controllers: ['haproxy.org/', 'openshift.io/ingress-to-route'],
    ingressClass: /^(haproxy(-|$)|openshift-)/,
    gatewayClass: /^haproxy/,
  },
  {
    // Syncs every 3 s (--proxy-sync-seconds):
    // https://pkg.go.dev/github.com/kong/kubernetes-ingress-controller/v2/internal/proxy#DefaultSyncSeconds
    name: 'Kong',
    behind: 'ingress-nginx',
    isNearest: true,
    controllers: ['ingress-controllers.konghq.com/', 'konghq.com/'],
    ingressClass: /^kong(-|$)/,
    gatewayClass: /^kong/,
  },
  {
    name: 'Cilium',
    behind: 'cilium',
    isNearest: false,
    controllers: ['cilium.io/', 'io.cilium/'],
    ingressClass: /^cilium$/,
    gatewayClass: /^cilium/,
  },
  {
    name: 'Envoy Gateway',
    behind: 'envoy-gateway',
    isNearest: false,
    controllers: ['gateway.envoyproxy.io/'],
    gatewayClass: /^(eg|envoy(-gateway)?)(-|$)/,
  },
  {
    name: 'Contour',
    behind: 'envoy',
    isNearest: false,
    controllers: ['projectcontour.io/'],
    ingressClass: /^contour(-|$)/,
    gatewayClass: /^contour/,
  },
  {
    name: 'Istio',
    behind: 'envoy',
    isNearest: false,
    controllers: ['istio.io/'],
    ingressClass: /^istio$/,
    gatewayClass: /^istio/,
  },
]

/** The controller of a class: by the class's `controller`, or, if the class is not in the files, by its name. */
export function controllerOf(
  by: 'ingressClass' | 'gatewayClass',
  { name, controller }: { readonly name: string; readonly controller: string | undefined },
): Controller | undefined {
  return controller === undefined
    ? controllers.find((each) => each[by]?.test(name) === true)
    : controllers.find((each) => each.controllers.some((start) => controller.startsWith(start)))
}
