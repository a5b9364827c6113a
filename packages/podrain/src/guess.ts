import {
  EndlessResponseError,
  look,
  type Probe,
  type RehearsalOptions,
  WrongAddressError,
  WrongProtocolError,
} from '@podrain/rehearsal'
import { dependsOnMiddleware, frameworkOf } from './app-facts.js'
import { UsageError } from './usage.js'

/** podrain's status endpoint. It shows that podrain is in the app. A request to `/prestop` would start a drain. */
const drainz = '/drainz'
const readyz = '/readyz'

/** Complete options, and where the guessed ones are from. */
export interface Guess {
  readonly options: RehearsalOptions
  /** A remark for each guessed option; undefined for an option that was given. */
  readonly origin: { readonly ready?: string; readonly hook?: string; readonly requests?: string }
}

/**
 * Starts the app once, sees what it answers, and fills in the options that were not given: readiness probe, hook and requests.
 * @throws UsageError when the app cannot be reached, speaks another protocol or does not end its response; and the errors of the engine.
 */
export async function guess(options: RehearsalOptions): Promise<Guess> {
  const asksReady = options.readinessProbe !== null && !asksFor(options.readinessProbe)
  const asksHook = !('preStop' in options)
  const asksRequests = options.requests === undefined
  const { command, args = [], cwd = process.cwd() } = options
  const framework = frameworkOf(command, args, cwd)
  if (!asksReady && !asksHook && !asksRequests) return { options: { ...options, app: { framework } }, origin: {} }

  const paths = [readyz, drainz, ...(asksRequests ? ['/'] : [])]
  const { ready: found, answers } = await look(options, paths).catch((error: Error) => {
    if (error instanceof WrongAddressError) {
      throw new UsageError(`${error.message}.\n${error.isHost ? wrongHostHelp : wrongPortHelp}`)
    }
    if (error instanceof WrongProtocolError) throw new UsageError(wrongProtocol(error, options.tls === true))
    if (error instanceof EndlessResponseError) {
      throw new UsageError(`${error.message}. ${error.isEventStream ? eventStreamHelp(error) : endlessHelp}`)
    }
    throw error
  })
  const podrain = isDrain(answers[drainz]?.body ?? '')
  const isReady = isReadiness(answers[readyz]?.body ?? '')
  // An app that answers every path with success looks ready at `/` only. podrain's own /readyz is recognised by its body.
  const ready = found === '/' && isReady ? readyz : found
  if (asksRequests && answers['/'] === undefined) {
    throw new UsageError(
      'Your app speaks only HTTP/2, and GET / is asked over HTTP/1.1. Name something it answers: `--grpc`, or `--http2 /path`',
    )
  }
  const root = answers['/']?.status ?? 200
  if (root >= 500) {
    throw new UsageError(`GET / is answered with ${root} by your app. Name something it can answer: \`--get /path\``)
  }
  const ok = root >= 200 && root < 300
  return {
    options: {
      ...options,
      // With a token, /drainz is refused, and only /readyz shows that podrain is in the app.
      app: {
        framework,
        podrain: podrain || isReady,
        ...(!podrain && !isReady && dependsOnMiddleware(command, args, cwd) && { silent: true }),
      },
      ...(asksReady && { readinessProbe: { ...options.readinessProbe, path: ready } }),
      ...(asksHook && podrain && { preStop: { httpGet: { path: '/prestop' } } }),
      // Any status is fine to see whether responses arrive. The app's usual status counts as success.
      ...(asksRequests && { requests: ok ? { get: '/' } : { mix: [{ path: '/', status: root }] } }),
    },
    origin: {
      ...(asksReady && {
        ready: ready === null ? 'the app has no path for it; --ready PATH' : 'found in the app; --ready PATH',
      }),
      ...(asksHook && {
        hook: podrain
          ? 'podrain was found in the app; --prestop HOOK'
          : 'add --prestop HOOK when your manifest has one',
      }),
      ...(asksRequests && {
        requests: ok
          ? 'ask something real: --get PATH, --requests FILE'
          : `its answer to /, so ${root} is a success here; ask something real: --get PATH`,
      }),
    },
  }
}

/** Whether it is given what the probe does. */
function asksFor(probe: Partial<Probe> | undefined): boolean {
  return probe?.path !== undefined || probe?.exec !== undefined || probe?.grpc !== undefined
}

function eventStreamHelp({ path }: EndlessResponseError): string {
  return `Rehearse it with \`--sse ${path}\` instead, or give it more time with \`--request-timeout\``
}

const endlessHelp =
  'Of responses without an end only event streams can be rehearsed (`--sse`): name a path whose response ends, or give it more time with `--request-timeout`'

/** A hint for apps that do not listen on the pod's address. */
export const ownAddressHelp = `Let the app listen on $HOST:
  server.listen(process.env.PORT, process.env.HOST)`

const wrongHostHelp = `Each pod has its own address. ${ownAddressHelp}`

const wrongPortHelp = `The app can get its port from another variable (\`--port-env NAME\`), or from its command:
  podrain rehearse -- node server.js --port {port}
If its port is fixed, use \`--port N\`, and let the app listen on $HOST, or add \`--netns\` (Linux, root).`

function wrongProtocol({ protocol, port }: WrongProtocolError, tls: boolean): string {
  const speaks = `Your app speaks ${protocol} on port ${port}`
  if (tls && protocol !== 'something else') return `${speaks}, but \`--tls\` is set.`
  switch (protocol) {
    case 'TLS':
      return `${speaks}: add \`--tls\`. If only its probe or hook is answered there: \`--ready https:/path\`, \`--prestop https:/path\`.`
    case 'HTTP/2 without TLS':
      return `${speaks}, and a kubelet probes in HTTP/1.1.\nProbe it with \`--ready tcp\` or \`--ready grpc\`, and ask it with \`--http2 /path\` or \`--grpc\`.`
    default:
      return `Your app does not speak HTTP on port ${port}.`
  }
}

function isDrain(body: string): boolean {
  const { state, inFlight } = fieldsOf(body)
  return typeof state === 'string' && typeof inFlight === 'number'
}

function isReadiness(body: string): boolean {
  const { state, ready } = fieldsOf(body)
  return typeof state === 'string' && typeof ready === 'boolean'
}

/** The fields of a JSON object; empty for anything else. */
function fieldsOf(body: string): Record<string, unknown> {
  try {
    return { ...JSON.parse(body) }
  } catch {
    return {}
  }
}
