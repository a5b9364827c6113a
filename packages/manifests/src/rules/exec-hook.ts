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
  severe: 'Of the images of gcr.io/distroless it is known. Of an image that is only called so it is a warning.',
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
  severe:
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
  severe: 'It depends on the load balancer whether it still sends, and on the image which signal follows.',
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
  severe: 'It depends on the container runtime whether it waits.',
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
  severe: 'The socket can never be made there, so the hook fails each time.',
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

export const execHookRules: readonly Rule[] = [hookNeedsTool, hookNoShell, hookSignals, hookBackground, hookReadOnly]
