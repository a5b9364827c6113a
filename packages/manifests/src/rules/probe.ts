import { probes } from '../objects/pod.js'
import { replaceText } from '../text/edits.js'
import type { Place } from '../text/place.js'
import { declares, servedBy } from './hook.js'
import { eachContainer, eachPod, type Rule } from './rule.js'

function pathOf(probe: Place): string | undefined {
  return probe
    .get('httpGet', 'path')
    .text?.replace(/[?#].*$/, '')
    .replace(/(.)\/$/, '$1')
}

/** Whether two probes ask the same: path and port. */
function isSame(one: Place, other: Place): boolean {
  const path = pathOf(one)
  return (
    path !== undefined &&
    path === pathOf(other) &&
    String(one.get('httpGet', 'port').value) === String(other.get('httpGet', 'port').value)
  )
}

const noReadiness: Rule = {
  id: 'no-readiness',
  severity: 'warning',
  title: 'A container behind a Service without a readiness probe',
  why: 'Without one a pod counts as ready as soon as its process has started: a rollout takes old pods away while new ones do not listen yet. And when a liveness probe kills a container, nothing takes the pod out of the endpoints while it drains.',
  check: eachPod((pod, report, world) => {
    if (!pod.isWhole || pod.isJob) return
    for (const container of servedBy(pod, world)) {
      if (container.place.get('readinessProbe').exists) continue
      report(
        container.place,
        `Container \`${container.name}\` gets requests and has no readiness probe: it gets them before it listens`,
        {
          severity: world.exposureOf(pod) === 'headless' ? 'info' : 'warning',
          fix: container.isPodrain
            ? 'readinessProbe: { httpGet: { path: /readyz, port: … }, periodSeconds: 1, failureThreshold: 3 }'
            : 'A readinessProbe: `httpGet` of a path that says whether it can serve; `tcpSocket` or `exec` for what is no HTTP',
        },
      )
    }
  }),
}

const probeDrains: Rule = {
  id: 'probe-drains',
  severity: 'error',
  title: 'A probe of the hook’s path',
  why: 'A GET of `/prestop` starts the drain: a pod that is probed there every few seconds is never ready.',
  check: eachContainer(({ place }, report) => {
    for (const name of probes) {
      const probe = place.get(name)
      const asked = pathOf(probe)
      if (asked?.endsWith('/prestop') !== true) continue
      const path = asked.replace(/prestop$/, name === 'livenessProbe' ? 'livez' : 'readyz')
      const at = probe.get('httpGet', 'path')
      report(at, `The ${name} asks \`${at.text}\`, which drains the pod each time`, {
        fix: `path: ${path}`,
        edits: replaceText(at, path),
      })
    }
  }),
}

const livenessKills: Rule = {
  id: 'liveness-kills',
  severity: 'error',
  title: 'A liveness probe that a draining or overloaded pod fails',
  why: 'A draining pod is not ready, and says so. Where liveness asks the same path, the container is killed for it. (The kubelet stops liveness probes when a pod is deleted, but not when a drain begins in any other way.) And a database that is away for a moment restarts every pod at once.',
  check: eachContainer((container, report, world) => {
    const liveness = container.place.get('livenessProbe')
    const path = pathOf(liveness)
    if (path === undefined) return
    const at = liveness.get('httpGet', 'path')
    if (container.isPodrain && /\/readyz$/.test(path)) {
      report(
        at,
        `\`${path}\` fails as soon as the pod drains or one of its checks fails, and then liveness kills the container`,
        {
          fix: 'path: /livez, which only says that the process answers',
          edits: replaceText(at, path.replace(/readyz$/, 'livez')),
        },
      )
    } else if (world.isAsked(container.pod) && isSame(liveness, container.place.get('readinessProbe'))) {
      const readyName = /ready|readiness/i.test(path)
      report(
        at,
        `Liveness asks the same as readiness (\`${path}\`): a pod that says it is not ready, because it drains or because a dependency is away, is killed for it`,
        {
          severity: readyName ? 'warning' : 'info',
          fix: 'A path that only says that the process answers; with podrain: /livez',
        },
      )
    }
  }),
}

const livenessImpatient: Rule = {
  id: 'liveness-impatient',
  severity: 'warning',
  title: 'A liveness probe that one slow answer fails',
  why: 'A busy pod answers late, and during a rollout the remaining ones are busy. With `failureThreshold: 1` a single answer later than `timeoutSeconds` (1 s by default) ends the container, with everything it was doing.',
  check: eachContainer((container, report) => {
    const probe = container.place.get('livenessProbe')
    if (!probe.exists || probe.get('failureThreshold').number !== 1) return
    const timeout = probe.get('timeoutSeconds').number ?? 1
    if (timeout >= 5) return
    report(
      probe.get('failureThreshold'),
      `One answer later than ${timeout} s ends the container: 1 failure × \`timeoutSeconds\` ${timeout}`,
      {
        fix: 'failureThreshold: 3 (the default)',
      },
    )
  }),
}

const probePort: Rule = {
  id: 'probe-port',
  severity: 'error',
  title: 'A probe on a port name that the container does not have',
  why: 'The kubelet finds no such port, so the probe fails: the pod never becomes ready, or is killed again and again.',
  check: eachContainer((container, report) => {
    // The ports of a patch are elsewhere.
    if (container.image === undefined) return
    for (const name of probes) {
      for (const handler of ['httpGet', 'tcpSocket']) {
        const port = container.place.get(name, handler, 'port')
        if (port.text === undefined || /^\d+$/.test(port.text) || declares(container, port)) continue
        report(port, `Container \`${container.name}\` has no port named \`${port.text}\`: the ${name} fails`, {
          fix:
            container.ports.length === 0
              ? 'List it under `ports`, or write its number'
              : `Its ports are ${namesOf(container.ports)}`,
        })
      }
    }
  }),
}

function namesOf(ports: readonly Place[]): string {
  return ports.map((port) => port.get('name').text ?? String(port.get('containerPort').value)).join(', ')
}

export const probeRules: readonly Rule[] = [noReadiness, probeDrains, livenessKills, livenessImpatient, probePort]
