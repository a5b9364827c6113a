import { look, type Probe, type RehearsalOptions, WrongAddressError, WrongProtocolError } from '@podrain/rehearsal'
import { frameworkOf } from './app-facts.js'
import { UsageError } from './usage.js'

/** Where podrain tells what it is doing. Its hook is beside it, but must not be asked for before its time. */
const drainz = '/drainz'
const readyz = '/readyz'

/** Options in which nothing is missing any more, and what podrain says of those it filled in itself. */
export interface Guess {
  readonly options: RehearsalOptions
  /** Where each of them is from; undefined for what was given. */
  readonly origin: { readonly ready?: string; readonly hook?: string; readonly requests?: string }
}

/**
 * Starts the app once to see what it answers, and fills in what was not given: readiness probe, hook and requests.
 * @throws UsageError when the app cannot be reached or asked, and the engine's errors.
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
    throw error
  })
  const podrain = isDrain(answers[drainz]?.body ?? '')
  const isReady = isReadiness(answers[readyz]?.body ?? '')
  // Where everything is answered, podrain's own answer still says something.
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
      // With a token, only /readyz tells that podrain is there.
      app: { framework, podrain: podrain || isReady },
      ...(asksReady && { readinessProbe: { ...options.readinessProbe, path: ready } }),
      ...(asksHook && podrain && { preStop: { httpGet: { path: '/prestop' } } }),
      // Any answer is as good as another to see whether it comes; but it has to be the one that is usual here.
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

/** Whether it is said what a probe does. */
function asksFor(probe: Partial<Probe> | undefined): boolean {
  return probe?.path !== undefined || probe?.exec !== undefined || probe?.grpc !== undefined
}

/** How an app listens where its pod is. */
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

/** Of an object in JSON; of anything else none. */
function fieldsOf(body: string): Record<string, unknown> {
  try {
    return { ...JSON.parse(body) }
  } catch {
    return {}
  }
}
