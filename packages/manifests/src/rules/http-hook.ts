import { distance } from 'fastest-levenshtein'
import type { Pod } from '../objects/pod.js'
import { replaceText } from '../text/edits.js'
import { mayBeFilledIn } from '../text/placeholder.js'
import { isIstio, isLinkerd } from '../world/balancer.js'
import { eachContainer, type Rule } from './rule.js'

const hookPort: Rule = {
  id: 'hook-port',
  severity: 'error',
  severe:
    'A name that the container does not have is never found: the hook fails each time. A number may be listened on without being listed: a warning.',
  title: 'A hook on a port that no container has',
  why: 'The kubelet looks a named port up in the container that has the hook, and nowhere else. If there is none, or nobody listens on the port, the hook fails (event FailedPreStopHook), and SIGTERM follows at once.',
  check: eachContainer((container, report) => {
    const { hook, pod } = container
    // A patch may not contain the ports.
    if (hook?.handler !== 'httpGet' || !hook.port.exists || !pod.isWhole) return
    const { text, number } = hook.port
    if (text !== undefined && !/^\d+$/.test(text)) {
      if (container.hasPort(hook.port) || mayBeFilledIn(text)) return
      const elsewhere = pod.running.find((each) => each.hasPort(hook.port))
      const of =
        elsewhere === undefined ? '' : `; container \`${elsewhere.name}\` has, but the name is only looked up here`
      report(hook.port, `Container \`${container.name}\` has no port named \`${text}\`${of}: the hook fails`, {
        fix: elsewhere === undefined ? 'Name one of its ports so' : 'Write the number of the port',
      })
      return
    }
    // A port need not be listed to work. But a list with other ports is probably meant to be complete.
    const wanted = number ?? Number(text)
    const all = pod.running.flatMap(({ ports }) => ports.map((port) => port.get('containerPort').number))
    if (pod.running.some(({ ports }) => ports.length === 0) || all.includes(wanted)) return
    report(hook.port, `The hook is on port ${wanted}, but the containers list ${[...new Set(all)].join(', ')}`, {
      severity: 'warning',
      fix: 'Use the port that serves it, or list that one (a `controlPort`, for instance) under `ports`',
    })
  }),
}

/** Signs of podrain in a container whose hook is not podrain's. */
const told = /PODRAIN_|TERMINATION_GRACE_PERIOD_SECONDS|"\/(livez|drainz)"/

/** podrain's other endpoints, and usual paths of endpoints that answer at once. */
const answersAtOnce = /^\/(readyz|livez|drainz|healthz?|health\/(ready|live)|ready|live|ping|status|metrics)$/

const hookPath: Rule = {
  id: 'hook-path',
  severity: 'warning',
  severe: 'Another app may have an endpoint of that name that waits.',
  title: "A hook whose path is nearly podrain's, or one that does not wait",
  why: 'The kubelet ignores the status of the answer: with a 404 the hook has succeeded, at once. So a misspelt path is the same as no hook, and nobody is told.',
  check: eachContainer((container, report) => {
    const { hook } = container
    const path = hook?.plainPath
    if (hook?.handler !== 'httpGet' || path === undefined || hook.isPodrain) return
    const place = hook.place.get('httpGet', 'path')
    const last = path.split('/').at(-1) ?? ''
    if (last !== '' && distance(last.toLowerCase().replace(/[-_]/g, ''), 'prestop') <= 2) {
      const meant = `${path.slice(0, path.length - last.length)}prestop`
      // Other apps have hooks with similar names. An app with podrain has `/prestop`, unless `endpoints` says otherwise.
      report(
        place,
        `The path is \`${path}\`; podrain's is \`${meant}\`. If nobody answers it, the hook is over at once and nobody is told`,
        {
          severity: told.test(JSON.stringify(container.place.value)) ? 'warning' : 'info',
          fix: `Write \`${meant}\`, unless the app has an endpoint of that name (option \`endpoints.prestop\`)`,
        },
      )
    } else if (answersAtOnce.test(path)) {
      report(
        place,
        `\`${path}\` answers at once, so the hook waits for nothing: SIGTERM follows while requests are still sent`,
        {
          fix: 'With podrain: `path: /prestop`',
          // Another app may not have that path, so there is no edit for it.
          edits: container.isPodrain ? replaceText(place, '/prestop') : undefined,
        },
      )
    }
  }),
}

const hookHostNetwork: Rule = {
  id: 'hook-host-network',
  severity: 'error',
  severe: 'The kubelet finds no address, so the hook fails each time.',
  title: 'An httpGet hook in a pod on the host network',
  why: 'The kubelet asks the container runtime for the pod’s address, and a pod on the host network has none of its own: “failed to find networking container”, FailedPreStopHook, SIGTERM at once (kubernetes#134285). `host: 127.0.0.1` helps, but Pod Security “baseline” forbids `host` since Kubernetes 1.34. The hook without network needs the option `controlSocket: true` in the app.',
  check: eachContainer(({ hook, pod }, report) => {
    if (!pod.hostNetwork || hook?.handler !== 'httpGet') return
    if (hook.place.get('httpGet', 'host').text) return
    report(
      hook.place,
      'The pod is on the host network, where the kubelet finds no address for the hook: it fails, and SIGTERM follows at once',
      {
        fix: 'With podrain: `controlSocket: true` and `exec: { command: ["node", "node_modules/@podrain/core/dist/podrain-prestop.js"] }`; else `sleep`. SIGTERM alone drains as well',
      },
    )
  }),
}

const hookHost: Rule = {
  id: 'hook-host',
  severity: 'error',
  severe: '`localhost` is the node each time. Another host, or a port of the node, may lead to the pod: a warning.',
  title: 'A hook with a host',
  why: 'The kubelet sends the request from the node, and there `localhost` is the node, not the pod. Without `host` the request goes to the pod, which is what is meant. Pod Security “baseline” forbids `host` since Kubernetes 1.34.',
  check: eachContainer(({ hook, pod }, report) => {
    const place = hook?.place.get('httpGet', 'host')
    const host = place?.text
    if (place === undefined || host === undefined || host === '' || pod.hostNetwork) return
    const isLocal = /^(localhost|127\..*|::1|\[::1\]|0\.0\.0\.0)$/.test(host)
    report(
      place,
      isLocal
        ? `\`${host}\` is the node, not the pod: the kubelet sends the hook`
        : `The hook goes to \`${host}\`, and not to this pod`,
      {
        // A host port of the node may lead to the pod.
        severity: isLocal && !hasHostPort(pod) ? 'error' : 'warning',
        fix: 'Remove `host`: it is the pod’s address then',
      },
    )
  }),
}

function hasHostPort(pod: Pod): boolean {
  return pod.running.some(({ ports }) => ports.some((port) => port.get('hostPort').exists))
}

const hookToken: Rule = {
  id: 'hook-token',
  severity: 'error',
  severe: 'The app refuses the hook each time.',
  title: 'A hook without the token that the app wants',
  why: 'With `PODRAIN_TOKEN` in its environment podrain refuses every `/prestop` without `Authorization: Bearer <token>`. The kubelet takes the 404 for success: the hook is over at once.',
  check: eachContainer((container, report) => {
    const token = container.env('PODRAIN_TOKEN')
    const { hook } = container
    if (token === undefined || token.get('value').text === '' || hook?.handler !== 'httpGet' || !hook.isPodrain) return
    const header = hook.place
      .get('httpGet', 'httpHeaders')
      .items.find((each) => each.get('name').text?.toLowerCase() === 'authorization')
    const sent = header?.get('value').text
    if (header === undefined) {
      report(
        hook.place,
        'The app has `PODRAIN_TOKEN`, but the hook sends no `Authorization`: it is refused, and over at once',
        {
          fix: 'httpHeaders: [{ name: Authorization, value: Bearer <token> }]; the kubelet does not fill in variables or Secrets there',
        },
      )
    } else if (sent !== undefined && /\$\(|\$\{/.test(sent)) {
      report(header, `The kubelet sends \`${sent}\` as it stands: it fills in no variables there`, {
        fix: 'Write the token itself, filled in by whatever renders the manifest',
      })
    } else if (
      token.get('value').text !== undefined &&
      sent !== undefined &&
      sent !== `Bearer ${token.get('value').text}`
    ) {
      report(header, 'The hook sends another token than `PODRAIN_TOKEN`: it is refused, and over at once', {
        fix: 'Write `Bearer `, and the value of `PODRAIN_TOKEN`',
      })
    }
  }),
}

const hookMesh: Rule = {
  id: 'hook-mesh',
  severity: 'warning',
  severe: 'A policy in other files may let the kubelet through, or apply to no such pod.',
  title: 'An httpGet hook that the mesh turns away',
  why: 'The kubelet speaks plain HTTP and has no certificate. Linkerd lets probes through by itself, but not hooks: a policy that wants to know the caller answers 403, which the kubelet takes for success. Istio leads the hook through its agent, unless `rewriteAppHTTPProbers` is false; then the hook fails under STRICT mTLS.',
  check: eachContainer((container, report, world) => {
    const { hook, pod } = container
    if (hook?.handler !== 'httpGet') return
    const policy = pod.annotation('config.linkerd.io/default-inbound-policy')
    if (isLinkerd(pod) && policy !== undefined && /^(deny|all-authenticated|cluster-authenticated)$/.test(policy)) {
      const port = container.portNumber(hook.port)
      const skipped =
        pod
          .annotation('config.linkerd.io/skip-inbound-ports')
          ?.split(',')
          .map((each) => each.trim()) ?? []
      if (port !== undefined && !skipped.includes(String(port))) {
        report(
          hook.place,
          `Linkerd’s policy \`${policy}\` turns the kubelet away, which takes that for success: the hook is over at once`,
          {
            fix: `A \`controlPort\` in \`config.linkerd.io/skip-inbound-ports\`, or the hook without network (\`podrain-prestop\`)`,
          },
        )
      }
    }
    const rewrite = pod.annotation('sidecar.istio.io/rewriteAppHTTPProbers')
    if (isIstio(pod) && rewrite === 'false') {
      const strict = world.kind('PeerAuthentication').some((each) => each.get('spec', 'mtls', 'mode').text === 'STRICT')
      report(
        hook.place,
        'Istio does not rewrite the hook here (`rewriteAppHTTPProbers` is false), so it meets the proxy in plain HTTP and is refused under STRICT mTLS',
        {
          severity: strict ? 'warning' : 'info',
          fix: 'Leave `rewriteAppHTTPProbers` on, or use the hook without network (`podrain-prestop`)',
        },
      )
    }
  }),
}

export const httpHookRules: readonly Rule[] = [hookPort, hookPath, hookHostNetwork, hookHost, hookToken, hookMesh]
