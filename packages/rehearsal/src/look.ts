import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { get } from './cluster/kubelet/get.js'
import type { Ask } from './load/ask.js'
import { exchange } from './load/exchange.js'
import type { RehearsalOptions, RehearsalPlan } from './plan/options.js'
import { asksOf } from './plan/requests.js'
import { resolveOptions } from './plan/resolve.js'
import { createAddresses } from './pods/addresses.js'
import { type Listener, listenersOfGroup, written } from './pods/listening.js'
import { Pod } from './pods/pod.js'
import { accepts, type Protocol, protocolOf } from './pods/protocol.js'
import { directory } from './shared/checks.js'

/** What one pod of an app has shown. */
export interface Look {
  /** The first path of {@link usualReadiness}, or the given probe's path, that answers with success; null when there is none. */
  readonly ready: string | null
  /** The response to each requested path. The body is what a kubelet would read of it (10 KiB). */
  readonly answers: Readonly<Record<string, { readonly status: number; readonly body: string }>>
}

/** The app listens, but not at the address and port that it was given. */
export class WrongAddressError extends Error {
  override readonly name = 'WrongAddressError'
  /** Where the app listens instead. */
  readonly listeners: readonly Listener[]
  /** Whether only the address is wrong, and the port is right. */
  readonly isHost: boolean

  constructor(pod: Pod, portEnv: string, listeners: readonly Listener[]) {
    const isHost = listeners.some(({ port }) => port === pod.port)
    super(
      isHost
        ? `The app listens on ${listeners.map(written).join(' and ')}, and not on $HOST, which was ${pod.host}`
        : `The app listens on port ${listeners.map(({ port }) => port).join(' and ')}, and not on $${portEnv}, which was ${pod.port}`,
    )
    this.listeners = listeners
    this.isHost = isHost
  }
}

/** The app answers with another protocol than it is asked with. Waiting longer would not help. */
export class WrongProtocolError extends Error {
  override readonly name = 'WrongProtocolError'
  /** The protocol of the app. */
  readonly protocol: Protocol
  readonly port: number

  constructor(protocol: Protocol, port: number, tls: boolean) {
    super(
      protocol === 'something else'
        ? `The app does not speak HTTP on port ${port}`
        : `The app speaks ${protocol} on port ${port}, ${wrongProtocol(protocol, tls)}`,
    )
    this.protocol = protocol
    this.port = port
  }
}

function wrongProtocol(protocol: Protocol, tls: boolean): string {
  if (tls) return 'and is asked by TLS, as `tls` says'
  if (protocol === 'TLS') {
    return 'and is asked in plain HTTP. Set `tls`, or, if only the probe or the hook uses this port, set its `scheme` to HTTPS'
  }
  return 'and a kubelet probes in HTTP/1.1. Give `readinessProbe` without a path (a connection is enough then) or with `grpc`, and `requests.http2` or `requests.grpc`'
}

/** A response that ordinary clients would read in vain to its end. */
export class EndlessResponseError extends Error {
  override readonly name = 'EndlessResponseError'
  readonly path: string
  readonly isEventStream: boolean

  /** @param waited ms */
  constructor(path: string, waited: number, isEventStream: boolean) {
    super(
      isEventStream
        ? `GET ${path} is answered with an event stream, which had not ended after ${waited} ms`
        : `The response to GET ${path} had begun, and had not ended after ${waited} ms`,
    )
    this.path = path
    this.isEventStream = isEventStream
  }
}

/** The usual paths of readiness endpoints, the most common first. */
export const usualReadiness: readonly string[] = ['/readyz', '/healthz', '/health', '/']

const pollEvery = 100
const answerTimeout = 1000
/** How often a path is requested whose response may be temporary. */
const temporaryTries = 5
/** ms after which an app that listens only at another address counts as misconfigured. */
const elsewhereFor = 1000

/**
 * Starts one pod, finds its readiness endpoint, requests `paths`, checks that the responses to the GETs of `requests` end, and kills the pod.
 * @throws TypeError or RangeError for an option, Error when the pod ends by itself or does not become ready (with its last output),
 * {@link WrongAddressError}, {@link WrongProtocolError}, {@link EndlessResponseError}, or `signal.reason`.
 */
export async function look(options: RehearsalOptions, paths: readonly string[] = []): Promise<Look> {
  const plan = resolveOptions(options)
  directory('cwd', plan.cwd)
  const { signal, env = {} } = options
  signal?.throwIfAborted()
  const addresses = await createAddresses(plan)
  try {
    const address = await addresses.next()
    signal?.throwIfAborted()
    const pod = new Pod('look', true, { ...plan, env }, address)
    const kill = () => pod.signal('SIGKILL')
    signal?.addEventListener('abort', kill, { once: true })
    try {
      const found = await lookAt(pod, plan, options, paths)
      if (options.requests !== undefined) await refuseEndless(pod, plan, readToTheEnd(options.requests))
      signal?.throwIfAborted()
      return found
    } finally {
      signal?.removeEventListener('abort', kill)
      kill()
      await Promise.all([pod.exited, pod.written])
      await address.release()
    }
  } finally {
    await addresses.close()
  }
}

async function lookAt(
  pod: Pod,
  plan: RehearsalPlan,
  { signal, readinessProbe }: RehearsalOptions,
  paths: readonly string[],
): Promise<Look> {
  const over = AbortSignal.timeout(plan.startupTimeout)
  const stop = AbortSignal.any([pod.gone, over, ...(signal === undefined ? [] : [signal])])
  const { path, exec, grpc } = readinessProbe ?? {}
  const isSaid = readinessProbe === null || path !== undefined || exec !== undefined || grpc !== undefined
  const said = plan.readinessProbe?.path ?? null
  const probes = !isSaid ? usualReadiness : said === null ? [] : [said]
  let last = 'no connection was accepted'
  try {
    await accepted(pod, plan, stop)
    last = 'a connection was accepted, and nothing answered yet'
    for (;;) {
      const found = await ask(pod, questionOf(plan, paths, probes), stop)
      if (found.waitsFor === undefined) return found.look
      last = found.waitsFor
      await sleep(pollEvery, undefined, { signal: stop })
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (pod.gone.aborted) {
      const { code, signal: by, error: failure } = await pod.exited
      await pod.written
      throw appError(
        failure === undefined ? `ended by itself with ${by ?? `code ${code}`}` : `did not start: ${failure}`,
        pod,
      )
    }
    if (over.aborted) throw appError(`was not ready after ${plan.startupTimeout} ms (${last})`, pod)
    throw error
  }
}

/** Waits until the pod accepts a connection. @throws {WrongAddressError} */
async function accepted(pod: Pod, plan: RehearsalPlan, stop: AbortSignal): Promise<void> {
  let elsewhereSince: number | undefined
  while (!(await accepts(pod))) {
    await sleep(pollEvery, undefined, { signal: stop })
    const listeners = pod.pid === undefined ? [] : await listenersOfGroup(pod.pid)
    if (listeners.length === 0) elsewhereSince = undefined
    else elsewhereSince ??= performance.now()
    if (elsewhereSince !== undefined && performance.now() - elsewhereSince > elsewhereFor) {
      throw new WrongAddressError(pod, plan.portEnv, listeners)
    }
  }
}

/** The requests whose responses clients read to the end. */
function readToTheEnd(requests: RehearsalOptions['requests']): readonly Ask[] {
  const { keepAlive, streaming } = asksOf(requests)
  return [...keepAlive, ...streaming]
}

/** @throws {EndlessResponseError} */
async function refuseEndless(pod: Pod, { tls, timeouts }: RehearsalPlan, asks: readonly Ask[]): Promise<void> {
  const { name, host, port } = pod
  const gets = asks.filter(({ method }) => method === 'GET')
  await Promise.all(
    gets.map(
      (ask) =>
        new Promise<void>((resolve, reject) => {
          let hasBegun = false
          let isEventStream = false
          const onHeaders = ({ 'content-type': type = '' }: IncomingHttpHeaders, status: number) => {
            hasBegun = true
            isEventStream = status >= 200 && status < 300 && /^text\/event-stream\b/i.test(type)
          }
          const asked = exchange({ endpoint: { name, host, port, tls }, ask, agent: undefined, timeouts, onHeaders })
          // What else fails is reported by the rehearsal.
          void asked.then((failure) => {
            if (hasBegun && failure?.cause === 'timeout') {
              reject(new EndlessResponseError(ask.path, timeouts.total, isEventStream))
            } else resolve()
          })
        }),
    ),
  )
}

/** What to request of a pod. */
interface Question {
  readonly paths: readonly string[]
  readonly probes: readonly string[]
  /** The port of the probe, if it is not the pod's. */
  readonly port: number | undefined
  /** Whether the app uses TLS, and whether its probe does. */
  readonly tls: boolean
  readonly probesTls: boolean
}

function questionOf(
  { tls, readinessProbe }: RehearsalPlan,
  paths: readonly string[],
  probes: readonly string[],
): Question {
  return { paths, probes, port: readinessProbe?.port, tls, probesTls: readinessProbe?.scheme === 'HTTPS' }
}

/** Requests everything once. `waitsFor` names a path that exists but does not answer with success yet. */
async function ask(
  { host, port: own }: Pod,
  { paths, probes, port = own, tls, probesTls }: Question,
  stop: AbortSignal,
): Promise<{ look: Look; waitsFor?: undefined } | { waitsFor: string }> {
  const answers: Record<string, { status: number; body: string }> = {}
  for (const path of paths) {
    const { status, body, error } = await usualAnswerOf({ host, port: own, tls, path }, stop)
    if (error !== undefined) {
      const protocol = await protocolOf(host, own, answerTimeout)
      // The app speaks only HTTP/2. Without a probe by HTTP/1.1, that is enough.
      if (protocol === 'HTTP/2 without TLS' && probes.length === 0) return { look: { ready: null, answers } }
      refuseOtherThan(tls, protocol, own)
      return { waitsFor: `GET ${path} ${error}` }
    }
    answers[path] = { status, body }
  }
  const guessing = probes === usualReadiness
  // If the app gives the same response to a path that does not exist, its response to a usual path proves nothing.
  const anything = { host, port: own, tls, path: '/podrain/nothing/here' }
  const toAnything = guessing ? await usualAnswerOf(anything, stop) : undefined
  for (const path of probes) {
    const { status, body, error } = await answerOf({ host, port, tls: probesTls, path }, stop)
    const isOwn = toAnything === undefined || path === '/' || !isGood(toAnything.status) || body !== toAnything.body
    if (isGood(status) && isOwn) return { look: { ready: path, answers } }
    if (status === 0) refuseOtherThan(probesTls, await protocolOf(host, port, answerTimeout), port)
    // The path exists but is not ready, or it was given and so must become ready: ask again later.
    if (status === 0 || status >= 500 || !guessing) return { waitsFor: `GET ${path} ${error ?? `answered ${status}`}` }
  }
  return { look: { ready: null, answers } }
}

/** @throws {WrongProtocolError} if the app cannot answer HTTP/1.1, with or without TLS as `tls` says. */
function refuseOtherThan(tls: boolean, protocol: Protocol | undefined, port: number): void {
  if (protocol === undefined || protocol === (tls ? 'TLS' : 'HTTP/1.1')) return
  throw new WrongProtocolError(protocol, port, tls)
}

/** Whether the status passes a probe. A redirect does. */
function isGood(status: number): boolean {
  return status >= 200 && status < 400
}

/** One request. */
interface Target {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  readonly path: string
}

/** A response. Status 0 means that there was none; `error` says why. */
interface Answered {
  readonly status: number
  readonly body: string
  readonly error?: string
}

/** Whether another attempt may get another status: after too many requests, an overload or a failure. */
function isTemporary(status: number): boolean {
  return status === 429 || status >= 500
}

/** The usual response to a request: one temporary status may be chance, so the request is repeated. */
async function usualAnswerOf(target: Target, stop: AbortSignal): Promise<Answered> {
  let answer = await answerOf(target, stop)
  for (let tries = 1; tries < temporaryTries && isTemporary(answer.status); tries++)
    answer = await answerOf(target, stop)
  return answer
}

async function answerOf({ host, port, tls, path }: Target, stop: AbortSignal): Promise<Answered> {
  // Not `AbortSignal.timeout`: Node 20 may garbage-collect it inside `AbortSignal.any` before it fires.
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), answerTimeout)
  try {
    const url = new URL(`http${tls ? 's' : ''}://${host}:${port}${path}`)
    const headers = { Host: url.host, 'User-Agent': 'kube-probe/1.26', Accept: '*/*', Connection: 'close' }
    return await get({ url, headers, agent: undefined, signal: AbortSignal.any([stop, late.signal]) })
  } catch (error) {
    stop.throwIfAborted()
    const why = late.signal.aborted
      ? `was not answered within ${answerTimeout} ms`
      : `failed: ${(error as Error).message}`
    return { status: 0, body: '', error: why }
  } finally {
    clearTimeout(timer)
  }
}

function appError(what: string, pod: Pod): Error {
  const output = pod.output.length === 0 ? ' It wrote nothing.' : ` Its last output:\n${pod.output.join('\n')}`
  return new Error(`The app ${what}.${output}`)
}
