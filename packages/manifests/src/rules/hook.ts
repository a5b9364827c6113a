import type { Container } from '../objects/pod.js'
import { graceSecondsFor } from '../shared/budget.js'
import { isScraped } from '../world/world.js'
import { eachContainer, eachPod, type Rule } from './rule.js'

const noHook: Rule = {
  id: 'no-hook',
  severity: 'warning',
  severe: 'An app may wait after SIGTERM by itself, as those with podrain do.',
  title: 'A container behind a Service without a preStop hook',
  why: 'SIGTERM comes while kube-proxy and load balancers still send: they learn later than the pod that it ends (kube-proxy up to 1.2 s, an AWS NLB two minutes). An app that closes on SIGTERM refuses what comes in between. podrain waits after SIGTERM as well, so it can do without the hook; the hook helps where SIGTERM does not reach node.',
  check: eachPod((pod, report, world) => {
    if (!pod.isWhole || pod.isJob || pod.isPodrain || pod.hostNetwork || world.isDatabase(pod)) return
    for (const container of world.servedContainersOf(pod)) {
      if (container.hook !== undefined) continue
      const balancer = world.balancerOf(pod)
      const { name, settle } = balancer
      const wait = Math.max(1, settle / 1000)
      // For kube-proxy the message uses the measured 1.2 s; the preset has a margin.
      const until = balancer.behind === 'kube-proxy' ? 'a second or so' : `about ${wait} s`
      const grace = graceSecondsFor(settle)
      report(
        container.place,
        `Container \`${container.name}\` has no preStop hook: ${name} still sends for ${until} after SIGTERM, and those requests are refused unless the app waits`,
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
  severe: 'Two handlers or none are refused, and `tcpSocket` fails each time.',
  title: 'A hook with no handler, with two, or with one that Kubernetes does not run',
  why: 'A hook is one of `exec`, `httpGet` and `sleep`. The API server refuses a hook with two of them or with none. It accepts `tcpSocket`, for compatibility only: that hook always fails, and SIGTERM follows at once.',
  check: eachContainer(({ hook }, report) => {
    if (hook === undefined) return
    const { place, handlers } = hook
    if (handlers.length > 1) {
      report(place, `A hook is one of ${handlers.join(' and ')}, not all of them: the API server refuses it`, {
        fix: 'Keep one of them. Wait and call in one `exec`, or let the app wait (`httpGet`)',
      })
    } else if (handlers.length === 0 && place.entries.length === 0) {
      report(place, 'The hook says nothing to do: the API server refuses it', {
        fix: 'Give it `httpGet`, `exec` or `sleep`',
      })
    } else if (hook.handler === 'tcpSocket') {
      report(place.get('tcpSocket'), '`tcpSocket` is not supported in hooks: it is accepted, and fails when it runs', {
        fix: 'Use `httpGet`, `exec` or `sleep`',
      })
    }
  }),
}

const hookAtStart: Rule = {
  id: 'hook-at-start',
  severity: 'error',
  severe: 'The pod drains as soon as it has started, each time.',
  title: 'The hook for the end stands under postStart',
  why: '`postStart` runs when the container starts. `/prestop` there makes the pod unready as soon as it has started, and nothing runs when it ends.',
  check: eachContainer(({ place }, report) => {
    const start = place.get('lifecycle', 'postStart')
    const path = start.get('httpGet', 'path').text ?? ''
    const command = start.get('exec', 'command').texts.join(' ')
    if (!/\/prestop\/?$/.test(path) && !/podrain-prestop/.test(command)) return
    report(start, '`postStart` runs at the start: the pod would drain as soon as it is there, and not at its end', {
      fix: 'Write `preStop`',
    })
  }),
}

const initLifecycle: Rule = {
  id: 'init-lifecycle',
  severity: 'error',
  severe: 'Refused.',
  title: 'A hook or probe in an init container that is not a sidecar',
  why: 'An init container has ended long before the pod does. The API server refuses `lifecycle` and probes there, unless `restartPolicy: Always` makes it a sidecar.',
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
        `\`${container.name}\` is an init container without \`restartPolicy: Always\`: it may not have \`${key}\``,
        {
          fix: 'Add `restartPolicy: Always` if it is a sidecar (Kubernetes 1.29), or move it to the container that serves',
        },
      )
    }
  }),
}

export const hookRules: readonly Rule[] = [noHook, oneHandler, hookAtStart, initLifecycle]
