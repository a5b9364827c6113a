import type { Behind } from '@podrain/core'

/** A controller of Ingresses or Gateways, and what it does when a pod goes. */
export interface Controller {
  /** As people call it. */
  readonly name: string
  /** The kind that podrain knows, or the one that comes nearest. */
  readonly behind: Behind
  /** Whether it is only the nearest. */
  readonly isNearest: boolean
  /** Milliseconds that it needs to learn that a pod goes, where its makers say another time than `behind` has. */
  readonly settle?: number
  /** What an IngressClass or a GatewayClass calls it: the beginning of `spec.controller` or `spec.controllerName`. */
  readonly controllers: readonly string[]
  /** Names that its classes have where the class is not in the files: by convention, and in its documentation. */
  readonly ingressClass?: RegExp
  readonly gatewayClass?: RegExp
}

/** The controllers that are known. docs/operate/load-balancers.md lists them. */
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
    // F5's writes the addresses into its configuration and reloads; only NGINX Plus is told them:
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
    // That of AKS as well: https://learn.microsoft.com/en-us/azure/aks/app-routing
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
    // OpenShift's router is one, too: https://docs.openshift.com/container-platform/latest/networking/ingress-operator.html
    name: 'HAProxy',
    behind: 'haproxy',
    isNearest: false,
    controllers: ['haproxy.org/', 'openshift.io/ingress-to-route'],
    ingressClass: /^(haproxy(-|$)|openshift-)/,
    gatewayClass: /^haproxy/,
  },
  {
    // Every 3 s (--proxy-sync-seconds):
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

/** By what the class says of its controller, else by the name of the class. */
export function controllerOf(
  by: 'ingressClass' | 'gatewayClass',
  { name, controller }: { readonly name: string; readonly controller: string | undefined },
): Controller | undefined {
  return controller === undefined
    ? controllers.find((each) => each[by]?.test(name) === true)
    : controllers.find((each) => each.controllers.some((start) => controller.startsWith(start)))
}
