import { supportedSignals } from '@podrain/core/budget'
import { distance } from 'fastest-levenshtein'
import type { Container, Pod } from '../objects/pod.js'
import { programOf, scriptOf, shells } from '../objects/shell.js'
import { graceSecondsFor } from '../shared/budget.js'
import { replaceText } from '../text/edits.js'
import type { Place } from '../text/place.js'
import { mayBeFilledIn } from '../text/placeholder.js'
import { isIstio, isLinkerd } from '../world/balancer.js'
import { isScraped, targetsOf, type World } from '../world/world.js'
import { eachContainer, eachPod, type Rule } from './rule.js'

const noHook: Rule = {
  id: 'no-hook',
  severity: 'warning',
  severityReason: 'An app may wait after SIGTERM by itself, as those with podrain do.',
  title: 'A container behind a Service without a preStop hook',
  why: 'SIGTERM comes while kube-proxy and load balancers still send: they learn later than the pod that it ends (kube-proxy up to 1.2 s, an AWS NLB two minutes). An app that closes on SIGTERM refuses what comes in between. podrain waits after SIGTERM as well, so it can do without the hook; the hook helps where SIGTERM does not reach node.',
  check: eachPod((pod, report, world) => {
    if (!pod.isWhole || pod.isJob || pod.isPodrain || pod.hostNetwork || world.isDatabase(pod)) return
    for (const container of servedBy(pod, world)) {
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

/** The containers that a Service in the files routes to. */
export function servedBy(pod: Pod, world: World): readonly Container[] {
  const targets = world.servicesOf(pod).flatMap(targetsOf)
  if (targets.length === 0) return []
  const served = pod.containers.filter((container) => targets.some((target) => declares(container, target)))
  // A container need not list its ports. In a pod with one container, the port is that container's.
  return served.length === 0 && pod.containers.length === 1 ? pod.containers : served
}

/** Whether a container lists a port that is given by name or number. */
export function declares(container: Container, target: Place): boolean {
  return container.ports.some(
    (port) =>
      (target.text !== undefined && port.get('name').text === target.text) ||
      (target.number !== undefined && port.get('containerPort').number === target.number),
  )
}

function portOf(container: Container): string | number {
  const first = container.ports.find((port) => !isScraped(port))
  return first?.get('name').text ?? first?.get('containerPort').number ?? 8080
}

const oneHandler: Rule = {
  id: 'hook-handler',
  severity: 'error',
  severityReason: 'Two handlers or none are refused, and `tcpSocket` fails each time.',
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
  severityReason: 'The pod drains as soon as it has started, each time.',
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

const hookPort: Rule = {
  id: 'hook-port',
  severity: 'error',
  severityReason:
    'A name that the container does not have is never found: the hook fails each time. A number may be listened on without being listed: a warning.',
  title: 'A hook on a port that no container has',
  why: 'The kubelet looks a named port up in the container that has the hook, and nowhere else. If there is none, or nobody listens on the port, the hook fails (event FailedPreStopHook), and SIGTERM follows at once.',
  check: eachContainer((container, report) => {
    const { hook, pod } = container
    // A patch may not contain the ports.
    if (hook?.handler !== 'httpGet' || !hook.port.exists || !pod.isWhole) return
    const { text, number } = hook.port
    if (text !== undefined && !/^\d+$/.test(text)) {
      if (declares(container, hook.port) || mayBeFilledIn(text)) return
      const elsewhere = pod.running.find((each) => declares(each, hook.port))
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
  severityReason: 'Another app may have an endpoint of that name that waits.',
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
  severityReason: 'The kubelet finds no address, so the hook fails each time.',
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
  severityReason:
    '`localhost` is the node each time. Another host, or a port of the node, may lead to the pod: a warning.',
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
  severityReason: 'The app refuses the hook each time.',
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

/** Images without a shell and tools. */
const bare = /^gcr\.io\/distroless\//

/** Images that by their name have none: `app:1.2-distroless`, `app:scratch`. */
const saysBare = /distroless|(^|[-_:/.])scratch([-_:@.]|$)|^cgr\.dev\/chainguard\/(?!bash|busybox|wolfi-base)/

const tools = new Set([
  ...[
    ...shells,
    'sleep',
    'timeout',
    'curl',
    'wget',
    'kill',
    'pkill',
    'killall',
    'nc',
    'test',
    '[',
    'cat',
    'touch',
    'echo',
  ],
  ...['rm', 'ls', 'date', 'env'],
])

const hookNeedsTool: Rule = {
  id: 'hook-needs-tool',
  severity: 'error',
  severityReason: 'Of the images of gcr.io/distroless it is known. Of an image that is only called so it is a warning.',
  title: 'An exec hook that needs a shell or a tool which the image does not have',
  why: '`exec` runs a program of the image. A distroless image has no `sh`, no `sleep` and no `curl`: the hook fails (FailedPreStopHook), and SIGTERM follows at once.',
  check: eachContainer(({ hook, image, name, place }, report) => {
    if (hook?.handler !== 'exec' || image === undefined || !(bare.test(image) || saysBare.test(image))) return
    // Debug images contain busybox, and build images a shell.
    if (/[:-](debug|dev)\b/.test(image)) return
    const tool = hook.programs.find((program) => tools.has(program))
    // The program may be in a mounted volume.
    const [program = ''] = hook.command
    const mounts = place.get('volumeMounts').items.map((mount) => mount.get('mountPath').text ?? '/')
    if (tool === undefined || mounts.some((mount) => program.startsWith(`${mount.replace(/\/$/, '')}/`))) return
    report(
      hook.place.get('exec', 'command'),
      bare.test(image)
        ? `The hook needs \`${tool}\`, which the image of \`${name}\` (${image}) has not: it fails, and SIGTERM follows at once`
        : `The hook needs \`${tool}\`, and by its name the image of \`${name}\` (${image}) has no such thing: then it fails, and SIGTERM follows at once`,
      {
        severity: bare.test(image) ? 'error' : 'warning',
        fix: 'Use `sleep: { seconds: … }`, which the kubelet does itself (Kubernetes 1.30), or `httpGet`',
      },
    )
  }),
}

const hookNoShell: Rule = {
  id: 'hook-no-shell',
  severity: 'error',
  severityReason:
    'There is no such program, or `sleep` is given words that are no time: the hook fails each time. Other programs may not mind: a warning.',
  title: 'An exec hook that is written for a shell, without one',
  why: '`command` is a program and its arguments, and no shell reads it: `["sleep 10"]` looks for a program named `sleep 10`, and `["sleep", "5", "&&", …]` gives `&&` to sleep. The hook fails (FailedPreStopHook), and SIGTERM follows at once.',
  check: eachContainer(({ hook }, report) => {
    if (hook?.handler !== 'exec') return
    const { command } = hook
    const place = hook.place.get('exec', 'command')
    const [program = '', ...rest] = command
    if (command.length === 1 && /\s/.test(program.trim())) {
      const words = program.trim().split(/\s+/)
      report(place, `There is no program named \`${program}\`: the words of a command are items of their own`, {
        fix: shellish(program) ? `["sh", "-c", ${JSON.stringify(program)}]` : JSON.stringify(words),
      })
    } else if (scriptOf(command) === undefined && rest.some((word) => /^(&&|\|\||\||;|&|>|>>|2>&1)$/.test(word))) {
      report(
        place,
        `No shell reads this command, so \`${programOf(program)}\` gets \`${rest.find((word) => /^\W+$|^2>&1$/.test(word))}\` as an argument`,
        {
          // Other programs may ignore it: curl still requests the first address.
          severity: programOf(program) === 'sleep' ? 'error' : 'warning',
          fix: `["sh", "-c", ${JSON.stringify(command.join(' '))}]`,
        },
      )
    }
  }),
}

function shellish(text: string): boolean {
  return /[;&|<>$`]/.test(text)
}

const hookSignals: Rule = {
  id: 'hook-signals',
  severity: 'warning',
  severityReason: 'It depends on the load balancer whether it still sends, and on the image which signal follows.',
  title: 'A hook that sends the signal itself',
  why: 'The hook is there for the time *before* the signal. A hook that ends the server itself does so while load balancers still send. And when it returns at once (`nginx -s quit`, `kill -QUIT 1`), the kubelet’s signal follows at once: if that is SIGTERM, nginx makes a fast shutdown of the graceful one. (`STOPSIGNAL` of the image says which it is; the official nginx images have SIGQUIT.)',
  check: eachContainer(({ hook, pod }, report, world) => {
    if (hook?.handler !== 'exec') return
    const { quit } = hook
    if (quit === undefined || (quit.waitsBefore && quit.waitsAfter)) return
    const why = [
      ...(quit.waitsBefore ? [] : ['load balancers still send when it runs']),
      ...(quit.waitsAfter ? [] : ['the kubelet’s own signal follows as soon as it returns']),
    ].join(', and ')
    report(hook.place.get('exec', 'command'), `The hook runs \`${quit.text}\`: ${why}`, {
      // A database may need such a hook, and has no load balancer in front.
      severity:
        quit.waitsBefore || (pod.kind === 'StatefulSet' && world.exposureOf(pod) !== 'served') ? 'info' : 'warning',
      fix: /quitquitquit|shutdown/.test(quit.text)
        ? 'Wait before it (`sleep`); a sidecar is ended after the app by itself, if it is a native one (among the initContainers, with `restartPolicy: Always`)'
        : 'Let the hook only wait (`sleep`), and leave the signal to the kubelet; which one it is says `STOPSIGNAL` of the image (nginx: SIGQUIT)',
    })
  }),
}

const hookBackground: Rule = {
  id: 'hook-background',
  severity: 'warning',
  severityReason: 'It depends on the container runtime whether it waits.',
  title: 'A hook that leaves in the background what it should wait for',
  why: 'With `&` the shell goes on, and a hook is over when its shell is: SIGTERM follows while `sleep 15 &` still sleeps. containerd happens to wait until nothing holds the output of the hook any more (`drain_exec_sync_io_timeout` is 0 s), other runtimes do not. `wait` makes it certain.',
  check: eachContainer(({ hook }, report) => {
    const [left] = hook?.script?.left ?? []
    if (hook === undefined || left === undefined) return
    report(
      hook.place.get('exec', 'command'),
      `\`${left}\` runs in the background, and nothing waits for it: the shell of the hook ends at once`,
      { fix: 'Remove the `&`, or end the script with `wait`' },
    )
  }),
}

const hookReadOnly: Rule = {
  id: 'hook-read-only',
  severity: 'error',
  severityReason: 'The socket can never be made there, so the hook fails each time.',
  title: 'podrain-prestop on a read-only file system',
  why: 'The hook without network reaches the app over a socket file that the app makes: `/tmp/podrain.sock` unless told otherwise. With `readOnlyRootFilesystem` and no volume there, the app cannot make it, and the hook fails.',
  check: eachContainer((container, report) => {
    const { hook, place } = container
    if (hook?.runsPodrain !== true || place.get('securityContext', 'readOnlyRootFilesystem').value !== true) return
    const socket =
      hook.command.find((word) => word.startsWith('/') && /\.sock/.test(word)) ??
      container.env('PODRAIN_SOCKET')?.get('value').text ??
      '/tmp/podrain.sock'
    const mounts = place.get('volumeMounts').items.map((mount) => mount.get('mountPath').text?.replace(/\/$/, '') ?? '')
    if (mounts.some((mount) => socket.startsWith(`${mount}/`))) return
    report(
      hook.place,
      `The socket of the hook, ${socket}, cannot be made: the file system is read-only, and no volume is mounted there`,
      {
        fix: `Mount an \`emptyDir\` at ${socket.slice(0, socket.lastIndexOf('/')) || '/tmp'}`,
      },
    )
  }),
}

const initLifecycle: Rule = {
  id: 'init-lifecycle',
  severity: 'error',
  severityReason: 'Refused.',
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

/** The signals in `PODRAIN_SIGNALS`, or else podrain's default. With a signal that podrain cannot listen to it does not start. */
function listened(variable: string | undefined): readonly string[] {
  return variable?.split(',').map((signal) => signal.trim()) ?? ['SIGTERM', 'SIGINT']
}

function isSupported(signal: string): boolean {
  return (supportedSignals as readonly string[]).includes(signal)
}

const stopSignal: Rule = {
  id: 'stop-signal',
  severity: 'warning',
  severityReason: 'Without its feature gate the field is dropped.',
  title: 'A stop signal that cannot be caught, or that is refused',
  why: '`lifecycle.stopSignal` (alpha since Kubernetes 1.33, beta planned for 1.37: without the feature gate ContainerStopSignals it is dropped) replaces SIGTERM. No program can catch SIGKILL or SIGSTOP, so there is no drain; podrain listens to SIGTERM and SIGINT unless its option `signals` (`PODRAIN_SIGNALS`) says otherwise. It takes SIGINT for a Ctrl-C, after which nobody is waited for, so without a hook that comes first requests are refused. Without `spec.os.name` the API server refuses the field.',
  check: eachContainer(({ place, pod, isPodrain, environment, hook }, report) => {
    const signal = place.get('lifecycle', 'stopSignal')
    if (signal.text === undefined) return
    if (signal.text === 'SIGKILL' || signal.text === 'SIGSTOP') {
      report(signal, `No program can catch ${signal.text}: the app would be cut off without a drain`, {
        fix: 'Write SIGTERM, or remove it',
      })
    } else if (pod.isWhole && !pod.spec.get('os', 'name').exists) {
      report(signal, '`stopSignal` needs `spec.os.name`: where the feature is on, the API server refuses it without', {
        fix: 'Add `os: { name: linux }` to the pod’s spec',
      })
    } else if (isPodrain && signal.text === 'SIGINT' && hook === undefined) {
      report(signal, 'podrain takes SIGINT for a Ctrl-C, and closes without the wait for load balancers', {
        fix: 'Write SIGTERM, or add the hook',
      })
    } else if (isPodrain && !isSupported(signal.text)) {
      report(signal, `podrain cannot listen to ${signal.text}, which this container gets`, {
        fix: `Write SIGTERM, or one of ${supportedSignals.filter((name) => name !== 'SIGTERM').join(', ')} and name it in \`PODRAIN_SIGNALS\``,
      })
    } else if (isPodrain && !listened(environment.text('PODRAIN_SIGNALS')).includes(signal.text)) {
      report(signal, `podrain does not listen to ${signal.text}, which this container gets`, {
        fix: `Write SIGTERM, or the option \`signals: ['${signal.text}']\` in the app, or \`PODRAIN_SIGNALS: ${signal.text}\` in its environment`,
      })
    }
  }),
}

const hookMesh: Rule = {
  id: 'hook-mesh',
  severity: 'warning',
  severityReason: 'A policy in other files may let the kubelet through, or apply to no such pod.',
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

export const hookRules: readonly Rule[] = [
  noHook,
  oneHandler,
  hookAtStart,
  hookPort,
  hookPath,
  hookHostNetwork,
  hookHost,
  hookToken,
  hookNeedsTool,
  hookNoShell,
  hookSignals,
  hookBackground,
  hookReadOnly,
  initLifecycle,
  stopSignal,
  hookMesh,
]
