import type { Pod } from '../objects/pod.js'
import { seconds } from '../shared/budget.js'
import { isIstio, isLinkerd } from '../world/balancer.js'
import type { World } from '../world/world.js'
import { eachPod, type Rule } from './rule.js'

/** Sidecars through which the app connects to others, by image or name. */
const helpers =
  /(cloud-?sql-?proxy|alloydb-auth-proxy|pgbouncer|envoy|haproxy|twemproxy|oauth2-proxy|vault-agent|daprd|consul-dataplane|nginx-proxy|kube-rbac-proxy)/

const sidecarFirst: Rule = {
  id: 'sidecar-ends-first',
  severity: 'warning',
  severityReason: 'The app may not need the sidecar for the requests in flight.',
  title: 'A sidecar that terminates while the app still serves',
  why: 'All containers of a pod terminate at the same time: a sidecar without a hook gets SIGTERM at once, while the hook of the app still waits. What the app reaches through the sidecar (the database, the mesh) is gone while requests are in flight. A native sidecar (an init container with `restartPolicy: Always`) terminates after the app.',
  check: eachPod((pod, report) => {
    if (pod.isJob) return
    const waiting = pod.containers.find(
      (container) => container.hook !== undefined && !helpers.test(container.image ?? ''),
    )
    if (waiting === undefined) return
    for (const container of pod.containers) {
      if (container === waiting) continue
      const quit = container.hook?.quit
      // A sidecar's own hook keeps it running, unless that hook ends it.
      if (container.hook !== undefined && (quit === undefined || quit.waitsBefore)) continue
      const helper = helpers.exec(container.image ?? '') ?? helpers.exec(container.name)
      if (helper === null) continue
      // Some sidecars have an option to wait.
      const words = [...container.place.get('command').texts, ...container.place.get('args').texts].join(' ')
      if (/--max-sigterm-delay|--term_timeout|-term_timeout|drain-time|--exit-zero-on-sigterm.*delay/.test(words))
        continue
      report(
        container.hook?.place ?? container.place,
        quit !== undefined
          ? `The hook of \`${container.name}\` stops it at once (\`${quit.text}\`), while \`${waiting.name}\` is still in its hook and serves`
          : `\`${container.name}\` gets SIGTERM at once, while \`${waiting.name}\` is still in its hook and serves`,
        {
          fix: 'Make it a native sidecar: in the initContainers, with `restartPolicy: Always` (Kubernetes 1.29); or give it a hook as long as that of the app',
        },
      )
    }
  }),
}

const sidecarHook: Rule = {
  id: 'sidecar-hook',
  severity: 'warning',
  severityReason: 'The app may not need the sidecar for the requests in flight.',
  title: 'A native sidecar with a hook that stops it early',
  why: 'A native sidecar gets SIGTERM after the containers of the app have terminated. But its hook runs earlier: all hooks run when the termination of the pod begins. A hook that stops the sidecar stops it while the app still needs it.',
  check: eachPod((pod, report) => {
    for (const { isSidecar, hook, name } of pod.initContainers) {
      if (!isSidecar || hook?.quit === undefined) continue
      report(
        hook.place,
        `The hook of \`${name}\` stops it when the termination of the pod begins (\`${hook.quit.text}\`); without the hook it terminates after the app`,
        { fix: 'Remove the hook' },
      )
    }
  }),
}

/** The settings of Istio’s proxy: an annotation that contains YAML. */
function proxyConfig(pod: Pod): string {
  return pod.annotation('proxy.istio.io/config') ?? ''
}

/** How long the pod serves after its termination begins, in ms, as far as the files show. A pod without requests only runs its hooks. */
function serves(pod: Pod, world: World): number {
  const hooks = pod.containers.map(({ hook }) => (hook?.seconds ?? 0) * 1000)
  if (!world.isAsked(pod)) return Math.max(0, ...hooks)
  return Math.max(world.balancerOf(pod).settle + (world.facts.longestRequest ?? 0), ...hooks)
}

const istioFirst: Rule = {
  id: 'istio-proxy-ends-first',
  severity: 'warning',
  severityReason: 'The settings of the mesh may make the proxy wait. Where the files have no setting it is an info.',
  title: 'An Istio proxy that terminates before the app',
  why: 'Istio’s proxy gets SIGTERM when the termination of the pod begins. The proxy drains for `terminationDrainDuration` (5 s by default), exits, and cuts the requests in flight. `EXIT_ON_ZERO_ACTIVE_CONNECTIONS` makes the proxy wait for them. As a native sidecar the proxy terminates after the app.',
  check: eachPod((pod, report, world) => {
    if (!isIstio(pod) || pod.isJob) return
    const native =
      pod.annotation('sidecar.istio.io/nativeSidecar') === 'true' ||
      pod.initContainers.some(({ name, isSidecar }) => isSidecar && name === 'istio-proxy')
    const config = proxyConfig(pod)
    const [, text] = /terminationDrainDuration"?\s*:\s*"?(\d+)s/.exec(config) ?? []
    const at = pod.template.get('metadata', 'annotations', 'proxy.istio.io/config')
    const place = at.exists ? at : pod.template.get('metadata')
    if (text !== undefined && pod.grace !== undefined && Number(text) >= pod.grace) {
      report(place, `The proxy drains for ${text} s, but ${pod.graceText}: SIGKILL comes before it is done`, {
        fix: `terminationDrainDuration: ${Math.max(1, pod.grace - 5)}s, or a longer grace period`,
      })
      return
    }
    if (native || /EXIT_ON_ZERO_ACTIVE_CONNECTIONS"?\s*:\s*"?true/.test(config)) return
    const needed = serves(pod, world)
    if (Number(text ?? 5) * 1000 >= needed) return
    report(
      place,
      `The proxy exits ${text ?? '5'} s after SIGTERM${text === undefined ? ' (the default of `terminationDrainDuration`)' : ''}, but the app ${world.isAsked(pod) ? 'serves' : 'works'} for ${seconds(needed)} or longer`,
      {
        // Since Istio 1.27 the proxy is a native sidecar where the cluster supports it, unless the mesh says otherwise.
        severity: text === undefined ? 'info' : 'warning',
        fix: 'proxy.istio.io/config: \'{ "proxyMetadata": { "EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true" } }\', or sidecar.istio.io/nativeSidecar: "true"',
      },
    )
  }),
}

const istioHold: Rule = {
  id: 'istio-hold',
  severity: 'info',
  severityReason: 'An app may retry until the proxy runs.',
  title: 'An app that may start before its Istio proxy',
  why: 'Until the proxy runs, the app has no network: its first connections fail, and it may exit. `holdApplicationUntilProxyStarts` starts the proxy first.',
  check: eachPod((pod, report) => {
    if (!isIstio(pod)) return
    const config = proxyConfig(pod)
    const [, hold] = /holdApplicationUntilProxyStarts"?\s*:\s*"?(true|false)/.exec(config) ?? []
    if (hold !== 'false') return
    report(
      pod.template.get('metadata', 'annotations', 'proxy.istio.io/config'),
      '`holdApplicationUntilProxyStarts` is false: the app starts without a network',
      {
        fix: 'holdApplicationUntilProxyStarts: true',
      },
    )
  }),
}

const linkerdFirst: Rule = {
  id: 'linkerd-proxy-ends-first',
  severity: 'warning',
  severityReason: 'The settings of the mesh may make the proxy wait.',
  title: 'A Linkerd proxy that terminates before the app',
  why: 'Linkerd’s proxy gets SIGTERM when the termination of the pod begins. From then on the proxy accepts no new connection, neither in nor out, while load balancers still route to the pod. The proxy needs a wait of its own, or has to be a native sidecar, which terminates after the app.',
  check: eachPod((pod, report, world) => {
    if (!isLinkerd(pod) || pod.isJob) return
    const annotations = pod.template.get('metadata', 'annotations')
    if (
      [
        'config.alpha.linkerd.io/proxy-enable-native-sidecar',
        'config.beta.linkerd.io/proxy-enable-native-sidecar',
        'config.linkerd.io/proxy-enable-native-sidecar',
      ].some((name) => pod.annotation(name) === 'true')
    )
      return
    if (pod.initContainers.some(({ name, isSidecar }) => isSidecar && name === 'linkerd-proxy')) return
    const name = 'config.alpha.linkerd.io/proxy-wait-before-exit-seconds'
    const text = pod.annotation(name)
    const wait = text === undefined || !/^\d+$/.test(text) ? undefined : Number(text)
    const needed = Math.ceil(serves(pod, world) / 1000)
    const at = annotations.get(name)
    const fix = `${name}: "${needed}", or config.alpha.linkerd.io/proxy-enable-native-sidecar: "true"`
    if (wait !== undefined && pod.grace !== undefined && wait >= pod.grace) {
      report(at, `The proxy waits ${wait} s before it drains, but ${pod.graceText}`, {
        fix: 'Set less than the grace period',
      })
    } else if ((wait ?? 0) < needed) {
      report(
        at.exists ? at : annotations.exists ? annotations : pod.template.get('metadata'),
        `The proxy accepts no new connection ${wait === undefined ? 'once the termination of the pod has begun' : `${wait} s after the termination of the pod has begun`}, but the app ${world.isAsked(pod) ? 'serves' : 'works'} for ${needed} s`,
        { fix },
      )
    }
  }),
}

const linkerdAwait: Rule = {
  id: 'linkerd-await',
  severity: 'info',
  severityReason: 'An app may retry until the proxy runs.',
  title: 'An app that starts before its Linkerd proxy',
  why: 'Until the proxy runs, the app has no network. `proxy-await` is on by default: leave it on.',
  check: eachPod((pod, report) => {
    if (!isLinkerd(pod) || pod.annotation('config.linkerd.io/proxy-await') !== 'disabled') return
    report(
      pod.template.get('metadata', 'annotations', 'config.linkerd.io/proxy-await'),
      '`proxy-await` is disabled: the app starts without a network',
      { fix: 'Remove it' },
    )
  }),
}

export const meshRules: readonly Rule[] = [sidecarFirst, sidecarHook, istioFirst, istioHold, linkerdFirst, linkerdAwait]
