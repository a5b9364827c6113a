import type { Container } from '../objects/pod.js'
import { graceSecondsFor } from '../shared/budget.js'
import { isScraped } from '../world/world.js'
import { eachContainer, eachPod, type Rule } from './rule.js'

const noHook: Rule = {
  id: 'no-hook',
  severity: 'warning',
  severityReason: 'An app may wait after SIGTERM by itself, as an app with podrain does.',
  title: 'A container behind a Service without a preStop hook',
  why: 'SIGTERM comes while kube-proxy and load balancers still route to the pod. The change of the endpoints reaches them later than SIGTERM reaches the pod: kube-proxy up to 1.2 s later, an AWS NLB two minutes. An app that closes on SIGTERM refuses the requests of that time. podrain waits after SIGTERM as well, so the hook is optional with podrain; it helps where SIGTERM does not reach Node.',
  check: eachPod((pod, report, world) => {
    if (!pod.isWhole || pod.isJob || pod.isPodrain || pod.hostNetwork || world.isDatabase(pod)) return
    for (const container of world.servedContainersOf(pod)) {
      if (container.hook !== undefined) continue
      const balancer = world.balancerOf(pod)
      const { name, settle } = balancer
      const wait = Math.max(1, settle / 1000)
      // For kube-proxy the message uses the measured 1.2 s; the preset has a margin.
      const until = balancer.behind === 'kube-proxy' ? 'up to 1.2 s' : `up to ${wait} s`
      const grace = graceSecondsFor(settle)
      report(
        container.place,
        `Container \`${container.name}\` has no preStop hook: ${name} routes to the pod for ${until} after SIGTERM, and the app refuses these requests unless it waits`,
        {
          // A StatefulSet or a headless Service is rarely behind a load balancer.
          severity: pod.kind === 'StatefulSet' || world.exposureOf(pod) === 'headless' ? 'info' : 'warning',
          fix: `With podrain in the app: \`lifecycle: { preStop: { httpGet: { path: /prestop, port: ${portOf(container)} } } }\`; with any other app: \`lifecycle: { preStop: { sleep: { seconds: ${wait} } } }\`${grace > (pod.grace ?? Infinity) ? `, and \`terminationGracePeriodSeconds: ${grace}\`` : ''}`,
        },
      )
    }
  }),
}

function portOf(container: Container): string | number {
  const first = container.ports.find((port) => !isScraped(port))
  return first?.get('name').text ?? first?.get('containerPort').number ?? 8080
}

const oneHandler: Rule = {
  id: 'hook-handler',
  severity: 'error',
  severityReason: 'The API server refuses a hook with two handlers or with none, and `tcpSocket` fails each time.',
  title: 'A hook with no handler, with two handlers, or with a handler that Kubernetes does not run',
  why: 'A hook has one handler: `exec`, `httpGet` or `sleep`. The API server refuses a hook with two handlers or with none. It accepts `tcpSocket` for compatibility only: that hook always fails, and SIGTERM follows at once.',
  check: eachContainer(({ hook }, report) => {
    if (hook === undefined) return
    const { place, handlers } = hook
    if (handlers.length > 1) {
      report(place, `A hook has one handler, not ${handlers.join(' and ')}: the API server refuses it`, {
        fix: 'Keep one of them. To wait and to call, use one `exec`, or let the app wait (`httpGet`)',
      })
    } else if (handlers.length === 0 && place.entries.length === 0) {
      report(place, 'The hook has no handler: the API server refuses it', {
        fix: 'Use `httpGet`, `exec` or `sleep`',
      })
    } else if (hook.handler === 'tcpSocket') {
      report(
        place.get('tcpSocket'),
        'Kubernetes does not run `tcpSocket` in hooks: the API server accepts it, and the hook fails each time',
        {
          fix: 'Use `httpGet`, `exec` or `sleep`',
        },
      )
    }
  }),
}

const hookAtStart: Rule = {
  id: 'hook-at-start',
  severity: 'error',
  severityReason: 'The pod drains each time, as soon as it has started.',
  title: 'A hook for the termination under `postStart`',
  why: '`postStart` runs when the container starts. `/prestop` in `postStart` makes the pod unready at once, and no hook runs when the pod terminates.',
  check: eachContainer(({ place }, report) => {
    const start = place.get('lifecycle', 'postStart')
    const path = start.get('httpGet', 'path').text ?? ''
    const command = start.get('exec', 'command').texts.join(' ')
    if (!/\/prestop\/?$/.test(path) && !/podrain-prestop/.test(command)) return
    report(start, '`postStart` runs when the container starts: the pod drains then, and not when it terminates', {
      fix: 'Write `preStop`',
    })
  }),
}

const initLifecycle: Rule = {
  id: 'init-lifecycle',
  severity: 'error',
  severityReason: 'The API server refuses the object.',
  title: 'A hook or probe in an init container that is not a sidecar',
  why: 'An init container has exited long before the pod terminates. The API server refuses `lifecycle` and probes in it, unless `restartPolicy: Always` makes it a sidecar.',
  check: eachPod((pod, report) => {
    for (const container of pod.initContainers) {
      // A patch need not repeat `restartPolicy`.
      if (container.isSidecar || container.image === undefined) continue
      const key = ['lifecycle', 'readinessProbe', 'livenessProbe', 'startupProbe'].find(
        (name) => container.place.get(name).exists,
      )
      if (key === undefined) continue
      report(
        container.place.get(key),
        `\`${container.name}\` is an init container without \`restartPolicy: Always\`: the API server refuses \`${key}\` in it`,
        {
          fix: 'Add `restartPolicy: Always` if it is a sidecar (Kubernetes 1.29), or move it to the container that serves',
        },
      )
    }
  }),
}

export const hookRules: readonly Rule[] = [noHook, oneHandler, hookAtStart, initLifecycle]
