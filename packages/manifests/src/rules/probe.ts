import { type Container, probes } from '../objects/pod.js'
import { seconds } from '../shared/budget.js'
import { replaceText } from '../text/edits.js'
import type { Place } from '../text/place.js'
import { mayBeFilledIn } from '../text/placeholder.js'
import { eachContainer, eachPod, type Rule } from './rule.js'

function pathOf(probe: Place): string | undefined {
  return probe
    .get('httpGet', 'path')
    .text?.replace(/[?#].*$/, '')
    .replace(/(.)\/$/, '$1')
}

function queryOf(probe: Place): string {
  return /\?[^#]*/.exec(probe.get('httpGet', 'path').text ?? '')?.[0] ?? ''
}

/** Whether two probes send the same request: path, query, port and headers. */
function isSame(one: Place, other: Place): boolean {
  const [path, query] = [pathOf(one), queryOf(one)]
  return (
    path !== undefined &&
    path === pathOf(other) &&
    query === queryOf(other) &&
    String(one.get('httpGet', 'port').value) === String(other.get('httpGet', 'port').value) &&
    JSON.stringify(one.get('httpGet', 'httpHeaders').value) ===
      JSON.stringify(other.get('httpGet', 'httpHeaders').value)
  )
}

const noReadiness: Rule = {
  id: 'no-readiness',
  severity: 'warning',
  severityReason: 'It depends on how soon the app listens after its start.',
  title: 'A container behind a Service without a readiness probe',
  why: 'Without a readiness probe a pod counts as ready as soon as its process has started: a rollout removes old pods while new ones do not listen yet. And when a liveness probe kills a container, the pod stays in the endpoints while it drains.',
  check: eachPod((pod, report, world) => {
    if (!pod.isWhole || pod.isJob) return
    for (const container of world.servedContainersOf(pod)) {
      if (container.place.get('readinessProbe').exists) continue
      report(
        container.place,
        `Container \`${container.name}\` has no readiness probe: it gets requests before it listens`,
        {
          severity: world.exposureOf(pod) === 'headless' ? 'info' : 'warning',
          fix: container.isPodrain
            ? 'readinessProbe: { httpGet: { path: /readyz, port: … }, periodSeconds: 1, failureThreshold: 3 }'
            : 'Add a readinessProbe: `httpGet` of a path that says whether the app can serve; `tcpSocket` or `exec` if the app does not speak HTTP',
        },
      )
    }
  }),
}

const probeDrains: Rule = {
  id: 'probe-drains',
  severity: 'error',
  severityReason: 'Each probe starts a drain.',
  title: 'A probe that requests the path of the hook',
  why: 'A GET of `/prestop` starts a drain: a pod with such a probe every few seconds is never ready.',
  check: eachContainer(({ place }, report) => {
    for (const name of probes) {
      const probe = place.get(name)
      const asked = pathOf(probe)
      if (asked?.endsWith('/prestop') !== true) continue
      const path = asked.replace(/prestop$/, name === 'livenessProbe' ? 'livez' : 'readyz')
      const at = probe.get('httpGet', 'path')
      report(at, `The ${name} requests \`${at.text}\`, which drains the pod each time`, {
        fix: `path: ${path}`,
        edits: replaceText(at, path),
      })
    }
  }),
}

const livenessKills: Rule = {
  id: 'liveness-kills',
  severity: 'warning',
  severityReason:
    'It matters only when a drain begins without a deletion of the pod, or when a check fails. Where nothing says that the path is for readiness it is an info.',
  title: 'A liveness probe that fails while a pod drains or is overloaded',
  why: 'A draining pod fails its readiness probe on purpose. If the liveness probe requests the same path, the kubelet kills the container. (The kubelet stops liveness probes when a pod is deleted, but not when a drain begins in any other way.) And a database that is unreachable for a moment restarts every pod at once.',
  check: eachContainer((container, report, world) => {
    const liveness = container.place.get('livenessProbe')
    const path = pathOf(liveness)
    if (path === undefined) return
    const at = liveness.get('httpGet', 'path')
    if (container.isPodrain && /\/readyz$/.test(path)) {
      report(
        at,
        `\`${path}\` fails as soon as the pod drains or one of its checks fails, and then the kubelet kills the container`,
        {
          fix: 'path: /livez, which only says that the process answers',
          edits: replaceText(at, path.replace(/readyz$/, 'livez')),
        },
      )
    } else if (world.isAsked(container.pod) && isSame(liveness, container.place.get('readinessProbe'))) {
      const readyName = /ready|readiness/i.test(path)
      report(
        at,
        `Liveness and readiness probe request the same path (\`${path}\`): if the pod is not ready because it drains or a dependency is unreachable, the kubelet kills the container`,
        {
          severity: readyName ? 'warning' : 'info',
          fix: 'Use a path that only says that the process answers; with podrain: /livez',
        },
      )
    }
  }),
}

const livenessImpatient: Rule = {
  id: 'liveness-impatient',
  severity: 'warning',
  severityReason: 'It depends on how busy the pod is.',
  title: 'A liveness probe that fails after one slow response',
  why: 'A busy pod answers late, and during a rollout the remaining pods are busy. With `failureThreshold: 1` one response that takes longer than `timeoutSeconds` (1 s by default) kills the container, with all requests in flight.',
  check: eachContainer((container, report) => {
    const probe = container.place.get('livenessProbe')
    if (!probe.exists || probe.get('failureThreshold').number !== 1) return
    const timeout = probe.get('timeoutSeconds').number ?? 1
    if (timeout >= 5) return
    report(
      probe.get('failureThreshold'),
      `One response that takes longer than ${timeout} s kills the container: \`failureThreshold\` is 1`,
      {
        fix: 'failureThreshold: 3 (the default)',
      },
    )
  }),
}

const probePort: Rule = {
  id: 'probe-port',
  severity: 'error',
  severityReason:
    'The kubelet does not find a name that the container does not have: the probe fails each time. A container may listen on a number that it does not list.',
  title: 'A probe on a port that the container does not have',
  why: 'If the container has no port of that name, the probe fails: the pod never becomes ready, or the kubelet kills the container again and again. A number need not be listed to be probed. But the port of the Service is not the port of the container.',
  check: eachContainer((container, report, world) => {
    // A patch may not contain the ports.
    if (!container.pod.isWhole) return
    const [stray] = probes.map((name) => portOf(container.place.get(name))).filter((port) => isStray(port, container))
    if (stray !== undefined) {
      const isOfService = world
        .servicesOf(container.pod)
        .some((service) => service.get('spec', 'ports').items.some((port) => port.get('port').number === stray.number))
      const listed = namesOf(container.pod.running.flatMap(({ ports }) => ports))
      report(
        stray,
        isOfService
          ? `Port ${stray.number} is the port of the Service, but the kubelet calls the container, which lists ${listed}`
          : `The probe calls port ${stray.number}, which no container lists; listed are ${listed}`,
        {
          // A port need not be listed to work.
          severity: isOfService ? 'warning' : 'info',
          fix: 'Write the port that answers the probe, or list this one under `ports` if it does',
        },
      )
    }
    for (const name of probes) {
      for (const handler of ['httpGet', 'tcpSocket']) {
        const port = container.place.get(name, handler, 'port')
        const { text } = port
        if (text === undefined || /^\d+$/.test(text) || mayBeFilledIn(text) || container.hasPort(port)) continue
        report(port, `Container \`${container.name}\` has no port named \`${text}\`: the ${name} fails`, {
          fix:
            container.ports.length === 0
              ? 'List it under `ports`, or write its number'
              : `Write one of its ports: ${namesOf(container.ports)}`,
        })
      }
    }
  }),
}

/** The place of a probe's port. */
function portOf(probe: Place): Place {
  const places = ['httpGet', 'tcpSocket', 'grpc'].map((handler) => probe.get(handler, 'port'))
  return places.find(({ number }) => number !== undefined) ?? probe
}

/** Whether it is a number that no container lists, although every container lists ports. */
function isStray({ number }: Place, { pod }: Container): boolean {
  const lists = pod.running.map(({ ports }) => ports.map((each) => each.get('containerPort').value))
  const isWhole = lists.every((list) => list.length > 0 && list.every((each) => typeof each === 'number'))
  return number !== undefined && isWhole && !lists.flat().includes(number)
}

function namesOf(ports: readonly Place[]): string {
  return ports.map((port) => port.get('name').text ?? String(port.get('containerPort').value)).join(', ')
}

const readinessSlow: Rule = {
  id: 'readiness-slow',
  severity: 'warning',
  severityReason: 'It matters only when a container is killed and its pod is not deleted.',
  title: 'A readiness probe that is slower than the drain',
  why: 'When a liveness probe kills a container, the pod is not deleted: only the readiness probe removes it from the endpoints. That takes `periodSeconds × failureThreshold`, 10 s × 3 by default, but the drain waits 5 s. (When a pod is deleted, Kubernetes removes it from the endpoints at once, whatever the probe says.)',
  check: eachContainer((container, report, world) => {
    const { pod } = container
    const probe = container.place.get('readinessProbe')
    if (!probe.exists || !container.isPodrain || !pod.isWhole) return
    const { period, failures } = timingOf(container)
    const { settle, behind, name } = world.balancerOf(pod)
    const noticed = period * failures
    if (behind === 'none' || noticed * 1000 <= settle) return
    const room = Math.max(1, settle / 1000)
    report(
      probe,
      `${period} s × ${failures} ${failures === 1 ? 'failure' : 'failures'} = ${noticed} s until the pod is out of the endpoints, but the drain waits ${seconds(settle)} (${name})`,
      { fix: `periodSeconds: 1, failureThreshold: ${Math.min(3, room)} (or any two whose product is at most ${room})` },
    )
  }),
}

/** Period and failures of the readiness probe, with the defaults of Kubernetes. */
function timingOf({ place }: Container): { period: number; failures: number } {
  const probe = place.get('readinessProbe')
  return { period: probe.get('periodSeconds').number ?? 10, failures: probe.get('failureThreshold').number ?? 3 }
}

export const probeRules: readonly Rule[] = [
  noReadiness,
  readinessSlow,
  probeDrains,
  livenessKills,
  livenessImpatient,
  probePort,
]
