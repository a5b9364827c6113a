import { programOf, scriptOf, shells } from '../objects/shell.js'
import { eachContainer, type Rule } from './rule.js'

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
  severityReason:
    'Images of gcr.io/distroless are known to have none. An image that has none only by its name is a warning.',
  title: 'An exec hook that needs a shell or a tool that the image does not have',
  why: '`exec` runs a program of the image. A distroless image has no `sh`, no `sleep` and no `curl`: the hook fails (event FailedPreStopHook), and SIGTERM follows at once.',
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
        ? `The hook needs \`${tool}\`, which the image of \`${name}\` (${image}) does not have: the hook fails, and SIGTERM follows at once`
        : `The hook needs \`${tool}\`. By its name, the image of \`${name}\` (${image}) does not have it: then the hook fails, and SIGTERM follows at once`,
      {
        severity: bare.test(image) ? 'error' : 'warning',
        fix: 'Use `sleep: { seconds: … }`, which the kubelet runs itself (Kubernetes 1.30), or `httpGet`',
      },
    )
  }),
}

const hookNoShell: Rule = {
  id: 'hook-no-shell',
  severity: 'error',
  severityReason:
    'The program does not exist, or `sleep` gets arguments that are no time: the hook fails each time. Other programs may ignore such arguments: a warning.',
  title: 'An exec hook that is written for a shell and has no shell',
  why: '`command` is a program and its arguments, and no shell parses it: `["sleep 10"]` names a program `sleep 10`, and `["sleep", "5", "&&", …]` passes `&&` to `sleep`. The hook fails (event FailedPreStopHook), and SIGTERM follows at once.',
  check: eachContainer(({ hook }, report) => {
    if (hook?.handler !== 'exec') return
    const { command } = hook
    const place = hook.place.get('exec', 'command')
    const [program = '', ...rest] = command
    if (command.length === 1 && /\s/.test(program.trim())) {
      const words = program.trim().split(/\s+/)
      report(place, `There is no program named \`${program}\`: each word of a command is an item of its own`, {
        fix: shellish(program) ? `["sh", "-c", ${JSON.stringify(program)}]` : JSON.stringify(words),
      })
    } else if (scriptOf(command) === undefined && rest.some((word) => /^(&&|\|\||\||;|&|>|>>|2>&1)$/.test(word))) {
      report(
        place,
        `No shell parses this command, so \`${programOf(program)}\` gets \`${rest.find((word) => /^\W+$|^2>&1$/.test(word))}\` as an argument`,
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
  severityReason:
    'It depends on the load balancer whether requests still come, and on the image which signal the kubelet sends.',
  title: 'A hook that stops the server itself',
  why: 'The hook is for the time *before* the signal. A hook that stops the server does so while load balancers still route to the pod. If the hook returns at once (`nginx -s quit`, `kill -QUIT 1`), the kubelet sends its own signal at once: SIGTERM then cuts the requests that nginx would have finished after its `quit`. (`STOPSIGNAL` of the image says which signal the kubelet sends; the official nginx images have SIGQUIT.)',
  check: eachContainer(({ hook, pod }, report, world) => {
    if (hook?.handler !== 'exec') return
    const { quit } = hook
    if (quit === undefined || (quit.waitsBefore && quit.waitsAfter)) return
    const why = [
      ...(quit.waitsBefore ? [] : ['load balancers still route to the pod at that time']),
      ...(quit.waitsAfter ? [] : ['the kubelet sends its own signal as soon as the hook returns']),
    ].join(', and ')
    report(hook.place.get('exec', 'command'), `The hook runs \`${quit.text}\`: ${why}`, {
      // A database may need such a hook, and has no load balancer in front.
      severity:
        quit.waitsBefore || (pod.kind === 'StatefulSet' && world.exposureOf(pod) !== 'served') ? 'info' : 'warning',
      fix: /quitquitquit|shutdown/.test(quit.text)
        ? 'Wait before that command (`sleep`); or remove the hook, and make the container a native sidecar, which terminates after the app (in the initContainers, with `restartPolicy: Always`)'
        : 'Let the hook only wait (`sleep`): the kubelet then sends the signal that `STOPSIGNAL` of the image names (nginx: SIGQUIT)',
    })
  }),
}

const hookBackground: Rule = {
  id: 'hook-background',
  severity: 'warning',
  severityReason: 'Some container runtimes wait for the command, others do not.',
  title: 'A hook that does not wait for a command in the background',
  why: 'With `&` the shell does not wait for the command, and the hook ends with its shell: SIGTERM follows while `sleep 15 &` still sleeps. containerd happens to wait until no process holds the output of the hook any more (`drain_exec_sync_io_timeout` is 0 s). Other runtimes do not wait. `wait` at the end of the script works with every runtime.',
  check: eachContainer(({ hook }, report) => {
    const [left] = hook?.script?.left ?? []
    if (hook === undefined || left === undefined) return
    report(
      hook.place.get('exec', 'command'),
      `\`${left}\` runs in the background, and the script does not wait for it: the shell of the hook exits at once`,
      { fix: 'Remove the `&`, or end the script with `wait`' },
    )
  }),
}

const hookReadOnly: Rule = {
  id: 'hook-read-only',
  severity: 'error',
  severityReason: 'The app can never create the socket, so the hook fails each time.',
  title: 'podrain-prestop on a read-only file system',
  why: 'The hook without network reaches the app over a socket file that the app creates: `/tmp/podrain.sock` by default. With `readOnlyRootFilesystem`, and without a volume at that path, the app cannot create the file, and the hook fails.',
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
      `The app cannot create the socket of the hook, ${socket}: the file system is read-only, and no volume is mounted there`,
      {
        fix: `Mount an \`emptyDir\` at ${socket.slice(0, socket.lastIndexOf('/')) || '/tmp'}`,
      },
    )
  }),
}

export const execHookRules: readonly Rule[] = [hookNeedsTool, hookNoShell, hookSignals, hookBackground, hookReadOnly]
