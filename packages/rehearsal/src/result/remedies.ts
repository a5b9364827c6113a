import type { HttpGet, KnownOptions } from '../plan/options.js'
import type { LostEvent } from '../timeline/events.js'
import { type Life, nameOf } from '../timeline/lives.js'
import {
  byPodrain,
  graceAdvice,
  graceForHook,
  isPodrainIn,
  latest,
  orPodrain,
  settleSeconds,
  withGrace,
} from './advice.js'
import type { DiagnosisKind } from './coroner.js'

/** The one change that most probably would have saved a request, in one line. */
export function remedyOf(kind: DiagnosisKind, loss: LostEvent, life: Life | undefined, plan: KnownOptions): string {
  const launcher = endedLauncher(kind, life, plan)
  if (launcher !== undefined) return ended(launcher)
  if (isCutByPodrain(loss, life)) return cutByPodrain(loss, plan)
  switch (kind) {
    case 'listener closed':
      return listen(life, plan)
    case 'keep-alive connection closed':
      return keep(loss, life, plan)
    case 'exit':
      return exit(loss, life, plan)
    case 'failed':
      return fail(life, plan)
    case 'killed':
      return kill(loss, life, plan)
    case 'crash':
      return plan.replicas === 1
        ? 'Nothing in the app helps against a crash: run 2 replicas or more, and let clients retry what is safe to repeat.'
        : 'Nothing in the app helps against a crash: let clients retry what is safe to repeat.'
    case 'refused by the app':
      return orPodrain('Answer every request until the process exits, and let only the readiness probe fail', plan)
    case 'no endpoint':
      return reach(life, plan)
    case 'not ready':
      return plan.readinessProbe === null
        ? 'Give the container a readinessProbe: without one, requests come as soon as its process has been started.'
        : `Let ${plan.readinessProbe.path ?? 'the readiness probe'} fail until the app can serve what clients ask for.`
    case 'network gone':
      return orPodrain(
        'Before the exit, wait until the kernel has sent what it holds (tx_queue in /proc/net/tcp), or some seconds',
        plan,
      )
    case 'cut by the app':
      return cut(loss, plan)
    case 'no answer':
      return 'Keep the event loop free, and answer until the exit; or raise the client’s timeout.'
    case 'unknown pod':
      return 'Rehearse the same with `podrain rehearse`, where every pod is known: it says why, and what mends it.'
    case 'not the scenario':
      return `Find out why ${loss.method} ${loss.path} fails without any pod being ended.`
  }
}

/** What to do about losses that the scenario did not cause. */
export function remedyOfBackground({ method, path, cause }: LostEvent): string {
  const success = cause.startsWith('status')
    ? `If that is a success, say so with \`status\` in the requests; else find out why.`
    : 'Find out why.'
  return `Not the drain: ${method} ${path} fails like this (${cause}) while nothing is done to the pods. ${success}`
}

function listen(life: Life | undefined, plan: KnownOptions): string {
  const seconds = settleSeconds(plan)
  const { preStop } = plan
  const { deafAt = Number.POSITIVE_INFINITY, exitAt = Number.POSITIVE_INFINITY } = life ?? {}
  if (life?.reason !== undefined && life.reason !== 'deleted') {
    return orPodrain(
      `No endpoint changes in time for this (${nameOf(life.reason)}): keep the listener open after SIGTERM, until the exit`,
      plan,
    )
  }
  // Clients connect to the only pod until it is gone, however long it waits.
  if (isEachMissing(plan) && life?.knownAt !== undefined && life.knownAt > exitAt) return reach(life, plan)
  if (life?.sigkillAt !== undefined && life.sigkillAt <= deafAt) return graceAdvice(seconds, 0, plan)
  if (life?.hookOutcome === 'done' && (life.hookStatus ?? 0) >= 300) return answeredHook(life, seconds, plan)
  const during = life?.hookEndedAt !== undefined && Math.min(deafAt, exitAt) < life.hookEndedAt
  if (during) return 'Go on listening during the preStop hook: close the listener after it, on SIGTERM.'
  if (life?.hookOutcome === 'failed') return failedHook(life, seconds, plan)
  if (isPodrainIn(plan)) {
    return plan.behind === null || plan.behind === 'none' || plan.behind === 'kube-proxy'
      ? 'podrain keeps the listener open, so something else closes it: the log of the pod says what was closed early, and where.'
      : `Tell podrain what routes to the pods: \`behind: '${plan.behind}'\`.${withGrace(seconds, plan)}`
  }
  const line = byPodrain(plan)
  if (preStop === null) {
    const ours =
      line === undefined
        ? ''
        : `Keep the listener open until clients know: ${line} with lifecycle.preStop.httpGet.path: /prestop. `
    const sleep = `${line === undefined ? 'Keep the listener open until clients know' : 'Without it'}: lifecycle.preStop.sleep.seconds: ${seconds}.`
    return `${ours}${sleep}${withGrace(seconds, plan)}`
  }
  if ('sleep' in preStop) {
    return `Raise lifecycle.preStop.sleep.seconds from ${preStop.sleep.seconds} to ${seconds}: clients need that long to learn that the pod goes.${withGrace(seconds, plan)}`
  }
  const does = line === undefined ? '' : ` ${line} does.`
  if ('exec' in preStop) {
    return `Let the hook \`${preStop.exec.command.join(' ')}\` end only when clients know that the pod goes, after ${seconds} s.${withGrace(seconds, plan)}`
  }
  return `Answer ${preStop.httpGet.path} only when clients know that the pod goes, after ${seconds} s.${does}${withGrace(seconds, plan)}`
}

/** The hook was answered with an error or a redirect, so nothing waited. The kubelet ignores the status. */
function answeredHook({ hookStatus = 0 }: Life, seconds: number, plan: KnownOptions): string {
  const { preStop } = plan
  const { path: where = '', scheme }: Partial<HttpGet> = preStop !== null && 'httpGet' in preStop ? preStop.httpGet : {}
  const answered = `The preStop hook GET ${where} was answered ${hookStatus} at once, and the kubelet ignores the status`
  if (hookStatus === 401 || hookStatus === 403) {
    const http2 =
      scheme === 'HTTPS' ? ' A server of HTTP/2 alone says so, too: `allowHTTP1`, as hooks speak HTTP/1.1.' : ''
    return `${answered}: send what the app asks for with lifecycle.preStop.httpGet.httpHeaders, such as Authorization: Bearer and its token.${http2}`
  }
  const late = `answer it after ${seconds} s`
  if (hookStatus < 400) {
    return `${answered}; it does not follow a redirect to another host. Let the app itself ${late}.`
  }
  if (hookStatus >= 500) return `${answered}: the app failed, and the log of the pod says why. Let it ${late}.`
  const right = isPodrainIn(plan)
    ? 'podrain waits at /prestop, unless its option `paths` says another, and on its `controlPort` if it has one'
    : `it has to be one that is answered after ${seconds} s`
  const scheme400 =
    hookStatus === 400 && scheme === undefined ? ' (or its scheme: HTTPS, if the app answers TLS there)' : ''
  return `${answered}: correct its path and port${scheme400}; ${right}.`
}

/** The hook failed at once, so it did not wait. */
function failedHook({ hookFailure = '' }: Life, seconds: number, { preStop }: KnownOptions): string {
  const until = 'and keep the listener open meanwhile'
  if (preStop !== null && 'exec' in preStop) {
    return `The preStop hook \`${preStop.exec.command.join(' ')}\` failed, so it did not wait: run it by hand in the container. Let it end after ${seconds} s, ${until}.`
  }
  const what = hookFailure.includes('ECONNREFUSED') ? 'nobody listens at its port.' : 'is its port right?'
  return `The preStop hook failed: ${what} Make it answer after ${seconds} s, ${until}.`
}

function keep({ t }: LostEvent, life: Life | undefined, plan: KnownOptions): string {
  if (life?.toldAt === undefined || t < life.toldAt) {
    return 'Keep idle connections longer than clients do: raise `server.keepAliveTimeout` above the client’s or load balancer’s own.'
  }
  if (isPodrainIn(plan)) {
    return 'podrain closes no connection that a client may use, so something else does: look for `closeAllConnections()`, `closeIdleConnections()` and `socket.destroy()` in what handles SIGTERM.'
  }
  return orPodrain(
    'Do not close a connection that a client may use: send `Connection: close` with a response, then close',
    plan,
  )
}

/** Package managers start the app in a shell. They forward SIGTERM to that shell only, and end with it. */
const managers = ['npm', 'npx', 'pnpm', 'pnpx', 'yarn']
/** Shells do not forward SIGTERM. As PID 1 they ignore it, elsewhere they end at once. */
const shells = ['sh', 'ash', 'bash', 'busybox', 'dash']

/** Inits forward SIGTERM to the process that they have started, and end as it does. */
const inits = ['tini', 'dumb-init', 'catatonit', 'docker-init']

/** The command that gets SIGTERM: the pod's own, or the one that an init starts. */
function launched({ command, args }: KnownOptions): readonly string[] {
  if (nameIn(inits, command) === undefined) return [command, ...args]
  const dashes = args.indexOf('--')
  return args.slice(dashes === -1 ? args.findIndex((arg) => !arg.startsWith('-')) : dashes + 1)
}

/** The shell that gets SIGTERM instead of the app; undefined if there is none. A shell with a single command, or with `exec`, is replaced by the app. */
function shellOf(plan: KnownOptions): string | undefined {
  const [program = '', option = '', line = ''] = launched(plan)
  const becomesIt = /^-\w*c$/.test(option) && (/\bexec\b/.test(line) || !/[;&|\n]/.test(line))
  return becomesIt ? undefined : nameIn(shells, program)
}

/** Whether SIGTERM itself has ended the process. An init and a shell report that by the exit code 143. */
function isEndedBySigterm(life: Life | undefined): boolean {
  return life?.exit === 'SIGTERM' || life?.exit === 'exit 143'
}

function nameIn(names: readonly string[], program: string): string | undefined {
  return names.find((name) => program === name || program.endsWith(`/${name}`))
}

const startItself = 'Start the app itself, as `node server.js`, or with `exec` in a script'

function ended(launcher: string): string {
  return `${startItself}: ${launcher} ends on SIGTERM, and the container with it, before the app has.`
}

/** The package manager or shell whose end caused the loss, because it ended before the app; undefined if none did. */
function endedLauncher(kind: DiagnosisKind, life: Life | undefined, plan: KnownOptions): string | undefined {
  const { deafAt = 0, exitAt = Number.POSITIVE_INFINITY } = life ?? {}
  const byItsEnd = kind === 'exit' || kind === 'failed' || (kind === 'listener closed' && deafAt >= exitAt)
  if (!byItsEnd) return undefined
  return nameIn(managers, launched(plan)[0] ?? '') ?? (isEndedBySigterm(life) ? shellOf(plan) : undefined)
}

function exit({ client, sentAt, t }: LostEvent, life: Life | undefined, plan: KnownOptions): string {
  const { toldAt = 0, exitAt = t } = life ?? {}
  // A process that ends this late ends because the grace period is nearly over.
  const isLate = exitAt - toldAt >= 800 * plan.terminationGracePeriodSeconds
  const endless = endlessAdvice(client)
  if (isLate && endless !== undefined) return endless
  if (isLate && t - sentAt >= 1000) return graceAdvice(settleSeconds(plan), t - sentAt, plan)
  // Exit code 143 counts only under an init: a JVM exits with it even when it has handled SIGTERM.
  if (life?.exit === 'SIGTERM' || (isEndedBySigterm(life) && nameIn(inits, plan.command) !== undefined)) {
    return orPodrain('Handle SIGTERM, since without a handler the process ends at once', plan)
  }
  if (client === 'webSocket') {
    return 'Before the exit, close WebSockets with code 1001, so that clients connect to another pod.'
  }
  if (client === 'grpc') return 'Before the exit, send GOAWAY and let calls end (`tryShutdown()` of grpc-js).'
  if (client === 'sse') return 'Before the exit, end event streams, so that clients connect to another pod.'
  if (isPodrainIn(plan)) {
    return 'podrain lets the process end only when nothing is in flight, so something else calls `process.exit()`: the log of the pod says what.'
  }
  return orPodrain(
    'Exit only when nothing is in flight, and make clients leave first: send `Connection: close` with every response after SIGTERM',
    plan,
  )
}

function fail(life: Life | undefined, plan: KnownOptions): string {
  const { exit = '', exitAt = 0, sigtermAt = Number.POSITIVE_INFINITY, output = [] } = life ?? {}
  const failed = `The process fails ${exitAt < sigtermAt ? 'in its preStop hook' : 'while it ends'} (${exit}).`
  // The line with the error itself is preferred over the line of code that Node prints above it.
  const error =
    output.find((line) => /^[\w.]*(?:error|exception|panic)\b/i.test(line)) ??
    output.find((line) => /error|exception|panic|traceback/i.test(line))
  if (error === undefined) {
    return exit.startsWith('exit')
      ? orPodrain(
          `${failed} It wrote no error: look for what ends it with this code. Exit only when nothing is in flight, with code 0`,
          plan,
        )
      : `${failed} Nobody here sent this signal: look for a crash in native code, or an \`abort()\`.`
  }
  const place = isPodrainIn(plan) ? ' (with podrain, in `onClose`)' : ''
  const advice = isAboutAnEnd.test(error)
    ? `Close pools and clients only after the last request has been answered${place}.`
    : 'Put that right: the process has to live until the last request has been answered.'
  return `${failed} It wrote: ${error.trim()}. ${advice}`
}

/** Error messages of libraries about a pool, client or connection that was closed before its last use. */
const isAboutAnEnd =
  /pool|clos(?:e|ed|ing)\b|\bend(?:ed|ing)?\b|disconnect|not connected|destroyed|shut ?down|terminated|\bquit\b/i

function kill({ client, sentAt, t }: LostEvent, life: Life | undefined, plan: KnownOptions): string {
  if (plan.scenario === 'overrun') {
    return 'SIGTERM in the middle of the hook leaves 2 s: close at once then, and finish what is in flight.'
  }
  if (life?.reason === 'eviction') return 'An eviction leaves 2 s after SIGTERM: close at once when it comes early.'
  const { sigkillAt = sentAt, sigtermAt = Number.POSITIVE_INFINITY } = life ?? {}
  if (life?.hookOutcome === 'cut') {
    const { terminationGracePeriodSeconds: grace } = plan
    return `The preStop hook took the whole grace period: shorten it, or raise terminationGracePeriodSeconds from ${grace} to ${graceForHook(plan, t - sentAt)}.`
  }
  if (life?.sigtermIgnoredBy !== undefined && !hasHeard(life) && !isPodrainIn(plan)) {
    const shell = nameIn(shells, life.sigtermIgnoredBy)
    return shell === undefined
      ? orPodrain(
          `Handle SIGTERM, and exit when nothing is in flight: the kernel delivers it to PID 1 only if that has a handler, and ${life.sigtermIgnoredBy} had none, or none any more (\`process.once\`)`,
          plan,
        )
      : `${startItself}: ${shell} is PID 1 and does not pass SIGTERM on, so that the app never hears of it.`
  }
  const endless = endlessAdvice(client)
  if (endless !== undefined) return endless
  if (sentAt < sigtermAt) return graceAdvice(settleSeconds(plan), sigkillAt - sentAt, plan)
  return orPodrain(
    'Handle SIGTERM: send `Connection: close` with every response, and exit when nothing is in flight',
    plan,
  )
}

/** Advice for a response that no grace period is long enough for; undefined for other clients. */
function endlessAdvice(client: LostEvent['client']): string | undefined {
  if (client === 'sse') {
    return 'An event stream does not end by itself: end it at SIGTERM, so that its client connects to another pod.'
  }
  if (client === 'webSocket') {
    return 'A WebSocket does not end by itself: close it with code 1001 at SIGTERM, so that its client connects to another pod.'
  }
  return undefined
}

/** Whether podrain's report, among the last lines of the pod, names the request as cut. */
function isCutByPodrain({ method, path }: LostEvent, life: Life | undefined): boolean {
  const lines = life?.output ?? []
  const named = `${method} ${path.split('?', 1)[0]} (`
  return lines.some((line) => /drained in .*; cut \d+ in flight: /.test(line) && line.includes(named))
}

function cutByPodrain({ client, sentAt, t }: LostEvent, plan: KnownOptions): string {
  if (client === 'sse') {
    return 'podrain cut this stream at its deadline: end it on `drain.signal`, see https://podrain.github.io/podrain/guides/streams.'
  }
  return `podrain cut this request at its deadline. ${graceAdvice(settleSeconds(plan), t - sentAt, plan)}`
}

/** Whether the app reacted between SIGTERM and SIGKILL. A handler added by `once` is gone by then, and looks like none. */
function hasHeard({ sigtermAt = Number.POSITIVE_INFINITY, sigkillAt = 0, deafAt = 0, unreadyAt = 0 }: Life): boolean {
  return [deafAt, unreadyAt].some((t) => t >= sigtermAt && t < sigkillAt)
}

const oneByOne = 'Set maxUnavailable: 0 and maxSurge: 1, so that a new pod is there before an old one goes.'

function oneAfterAnother(replicas: number): string {
  return replicas === 1
    ? 'Run 2 replicas or more: a StatefulSet creates a new pod only when the old one is gone.'
    : 'Set maxUnavailable: 1, so that other pods serve while one is replaced.'
}

/** Whether all pods may be unavailable at once, so that no other pod can serve. */
function isEachMissing({ maxUnavailable, replicas }: KnownOptions): boolean {
  return maxUnavailable >= replicas
}

function reach(life: Life | undefined, plan: KnownOptions): string {
  const { replicas, maxUnavailable, scenario, app, workload } = plan
  const isSet = workload === 'StatefulSet'
  if (isEachMissing(plan)) return isSet ? oneAfterAnother(replicas) : oneByOne
  if (life?.unreadyAt !== undefined && life.reason === 'deleted') {
    const option = app.podrain ? " (`readyzWhileDraining: 'pass'`)" : ''
    return `With no other pod known, go on passing the readiness probe while draining${option}.`
  }
  if (replicas === 1 && scenario !== 'rollout' && scenario !== 'single-replica') return 'Run 2 replicas or more.'
  if (maxUnavailable > 0 && !isSet) return oneByOne
  return `Set minReadySeconds: ${Math.ceil(latest(plan) / 1000) + 1}, so that clients know a new pod before an old one goes.`
}

function cut({ client, cause }: LostEvent, plan: KnownOptions): string {
  if (client === 'webSocket') {
    return cause === 'closed 1006'
      ? 'Close WebSockets with code 1001 instead of destroying their sockets.'
      : 'Close WebSockets with code 1001 (going away), which tells clients to connect to another pod.'
  }
  if (client === 'sse') return 'End event streams after a whole event, instead of destroying their sockets.'
  if (isPodrainIn(plan)) {
    return 'podrain cuts no response before its time is over, so something else does: look for `closeAllConnections()` in what handles SIGTERM.'
  }
  return orPodrain('Let responses finish before their connections are closed (`closeAllConnections()` cuts them)', plan)
}
