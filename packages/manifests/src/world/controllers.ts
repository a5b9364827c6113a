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

const known: readonly Controller[] = [
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
    // Reloads as well: https://docs.nginx.com/nginx-gateway-fabric/how-to/maintenance/upgrade-apps-without-downtime
    name: 'NGINX Gateway Fabric',
    behind: 'ingress-nginx',
    isNearest: true,
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
    // At most every 2 s (providersThrottleDuration):
    // https://doc.traefik.io/traefik/v3.2/reference/install-configuration/providers/kubernetes/kubernetes-ingress
    name: 'Traefik',
    behind: 'envoy',
    isNearest: true,
    controllers: ['traefik.io/'],
    ingressClass: /^traefik(-|$)/,
    gatewayClass: /^traefik/,
  },
  {
    // Every 5 s (--sync-period): https://github.com/haproxytech/kubernetes-ingress/blob/master/documentation/controller.md
    name: 'HAProxy',
    behind: 'ingress-nginx',
    isNearest: true,
    controllers: ['haproxy.org/', 'haproxy-ingress.github.io/'],
    ingressClass: /^haproxy(-|$)/,
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
  // All of these are Envoys that are told over xDS.
  ...(
    [
      ['Contour', ['projectcontour.io/'], /^contour(-|$)/, /^contour/],
      ['Cilium', ['cilium.io/', 'io.cilium/'], /^cilium$/, /^cilium/],
      ['Envoy Gateway', ['gateway.envoyproxy.io/'], undefined, /^(eg|envoy(-gateway)?)(-|$)/],
      ['Istio', ['istio.io/'], /^istio$/, /^istio/],
    ] as const
  ).map(([name, controllers, ingressClass, gatewayClass]) => ({
    name,
    behind: 'envoy' as const,
    isNearest: false,
    controllers,
    ...(ingressClass !== undefined && { ingressClass }),
    gatewayClass,
  })),
]

/** By what the class says of its controller, else by the name of the class. */
export function controllerOf(
  by: 'ingressClass' | 'gatewayClass',
  { name, controller }: { readonly name: string; readonly controller: string | undefined },
): Controller | undefined {
  return controller === undefined
    ? known.find((each) => each[by]?.test(name) === true)
    : known.find(({ controllers }) => controllers.some((each) => controller.startsWith(each)))
}
