import { distance } from 'fastest-levenshtein'
import type { Pod } from '../objects/pod.js'
import { replaceText } from '../text/edits.js'
import { mayBeFilledIn } from '../text/placeholder.js'
import { isIstio, isLinkerd } from '../world/balancer.js'
import { eachContainer, type Rule } from './rule.js'

const hookPort: Rule = {
  id: 'hook-port',
  severity: 'error',
  severityReason:
    'The kubelet does not find a name that the container does not have: the hook fails each time. A container may listen on a number that it does not list: a warning.',
  title: 'A hook on a port that no container has',
  why: 'The kubelet looks up a named port only in the container that has the hook. If that container has no port of that name, or no process listens on the port, the hook fails (event FailedPreStopHook), and SIGTERM follows at once.',
  check: eachContainer((container, report) => {
    const { hook, pod } = container
    // A patch may not contain the ports.
    if (hook?.handler !== 'httpGet' || !hook.port.exists || !pod.isWhole) return
    const { text, number } = hook.port
    if (text !== undefined && !/^\d+$/.test(text)) {
      if (container.hasPort(hook.port) || mayBeFilledIn(text)) return
      const elsewhere = pod.running.find((each) => each.hasPort(hook.port))
      const of =
        elsewhere === undefined ? '' : ` (the kubelet does not look in container \`${elsewhere.name}\`, which has one)`
      report(hook.port, `Container \`${container.name}\` has no port named \`${text}\`${of}: the hook fails`, {
        fix: elsewhere === undefined ? `Name one of its ports \`${text}\`` : 'Write the number of the port',
      })
      return
    }
    // A port need not be listed to work. But a list with other ports is probably meant to be complete.
    const wanted = number ?? Number(text)
    const all = pod.running.flatMap(({ ports }) => ports.map((port) => port.get('containerPort').number))
    if (pod.running.some(({ ports }) => ports.length === 0) || all.includes(wanted)) return
    report(hook.port, `The hook calls port ${wanted}, but the containers list only ${[...new Set(all)].join(', ')}`, {
      severity: 'warning',
      fix: 'Write the port that answers the hook, or list this one (such as a `controlPort`) under `ports`',
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
  severityReason: 'Another app may have an endpoint of that name, and that endpoint may wait.',
  title: 'A hook with a misspelt path of podrain, or with a path that does not wait',
  why: 'The kubelet ignores the status of the response: after a 404 the hook has succeeded at once. So a misspelt path is the same as no hook, and Kubernetes reports no error.',
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
        `The path is \`${path}\`; podrain’s is \`${meant}\`. If the app has no such endpoint, the hook ends at once, and Kubernetes reports no error`,
        {
          severity: told.test(JSON.stringify(container.place.value)) ? 'warning' : 'info',
          fix: `Write \`${meant}\`, unless the app has an endpoint of that name (option \`endpoints.prestop\`)`,
        },
      )
    } else if (answersAtOnce.test(path)) {
      report(
        place,
        `\`${path}\` answers at once, so the hook does not wait: SIGTERM follows while load balancers still route to the pod`,
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
  severityReason: 'The kubelet finds no address, so the hook fails each time.',
  title: 'An httpGet hook in a pod on the host network',
  why: 'The kubelet asks the container runtime for the pod’s address, and a pod on the host network has no address of its own. The hook fails (“failed to find networking container”, event FailedPreStopHook, kubernetes#134285), and SIGTERM follows at once. `host: 127.0.0.1` helps, but Pod Security “baseline” forbids `host` since Kubernetes 1.34. The hook without network needs the option `controlSocket: true` in the app.',
  check: eachContainer(({ hook, pod }, report) => {
    if (!pod.hostNetwork || hook?.handler !== 'httpGet') return
    if (hook.place.get('httpGet', 'host').text) return
    report(
      hook.place,
      'The pod is on the host network, where the kubelet finds no address for the hook: the hook fails, and SIGTERM follows at once',
      {
        fix: 'With podrain: `controlSocket: true` and `exec: { command: ["node", "node_modules/@podrain/core/dist/podrain-prestop.js"] }`, or no hook, because SIGTERM alone drains as well. With any other app: `sleep`',
      },
    )
  }),
}

const hookHost: Rule = {
  id: 'hook-host',
  severity: 'error',
  severityReason:
    '`localhost` is the node each time. Another host, or a port of the node, may route to the pod: a warning.',
  title: 'A hook with a `host`',
  why: 'The kubelet sends the request from the node, so `localhost` is the node, not the pod. Without `host` the request goes to the pod. Pod Security “baseline” forbids `host` since Kubernetes 1.34.',
  check: eachContainer(({ hook, pod }, report) => {
    const place = hook?.place.get('httpGet', 'host')
    const host = place?.text
    if (place === undefined || host === undefined || host === '' || pod.hostNetwork) return
    const isLocal = /^(localhost|127\..*|::1|\[::1\]|0\.0\.0\.0)$/.test(host)
    report(
      place,
      isLocal
        ? `The kubelet calls the hook from the node, so \`${host}\` is the node, not the pod`
        : `The hook calls \`${host}\`, not this pod`,
      {
        // A host port of the node may lead to the pod.
        severity: isLocal && !hasHostPort(pod) ? 'error' : 'warning',
        fix: 'Remove `host`: then the kubelet calls the pod',
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
  severityReason: 'The app refuses the hook each time.',
  title: 'A hook without the token that the app requires',
  why: 'With the variable `PODRAIN_TOKEN` podrain refuses every `/prestop` without `Authorization: Bearer <token>`. The refusal is a 404, which the kubelet takes for success: the hook ends at once.',
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
        'The app has `PODRAIN_TOKEN`, but the hook sends no `Authorization` header: podrain refuses it, and the hook ends at once',
        {
          fix: 'httpHeaders: [{ name: Authorization, value: Bearer <token> }]; the kubelet fills in no variables and no Secrets there',
        },
      )
    } else if (sent !== undefined && /\$\(|\$\{/.test(sent)) {
      report(header, `The kubelet fills in no variables in a header: it sends \`${sent}\` as it is written`, {
        fix: 'Write the token itself, or let the tool that renders the manifest fill it in',
      })
    } else if (
      token.get('value').text !== undefined &&
      sent !== undefined &&
      sent !== `Bearer ${token.get('value').text}`
    ) {
      report(
        header,
        'The hook sends another token than `PODRAIN_TOKEN`: podrain refuses it, and the hook ends at once',
        {
          fix: 'Write `Bearer ` and the value of `PODRAIN_TOKEN`',
        },
      )
    }
  }),
}

const hookMesh: Rule = {
  id: 'hook-mesh',
  severity: 'warning',
  severityReason: 'It depends on policies in other files, which may allow the request of the kubelet.',
  title: 'An httpGet hook that the mesh refuses',
  why: 'The kubelet speaks plain HTTP and has no certificate. Linkerd allows probes by default, but not hooks: a policy that requires authenticated clients answers 403, which the kubelet takes for success. Istio routes the hook through its agent, unless `rewriteAppHTTPProbers` is false; then the hook fails under STRICT mTLS.',
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
          `Linkerd’s policy \`${policy}\` answers the kubelet with 403, which the kubelet takes for success: the hook ends at once`,
          {
            fix: 'Use a `controlPort` that is in `config.linkerd.io/skip-inbound-ports`, or the hook without network (`podrain-prestop`)',
          },
        )
      }
    }
    const rewrite = pod.annotation('sidecar.istio.io/rewriteAppHTTPProbers')
    if (isIstio(pod) && rewrite === 'false') {
      const strict = world.kind('PeerAuthentication').some((each) => each.get('spec', 'mtls', 'mode').text === 'STRICT')
      report(
        hook.place,
        'Istio does not rewrite the hook (`rewriteAppHTTPProbers` is false): the kubelet calls the proxy in plain HTTP, which STRICT mTLS refuses',
        {
          severity: strict ? 'warning' : 'info',
          fix: 'Leave `rewriteAppHTTPProbers` on, or use the hook without network (`podrain-prestop`)',
        },
      )
    }
  }),
}

export const httpHookRules: readonly Rule[] = [hookPort, hookPath, hookHostNetwork, hookHost, hookToken, hookMesh]
