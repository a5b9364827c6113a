import { lagBehind, type RehearsalOptions, scenarioNames } from '@podrain/rehearsal'
import { Option } from 'commander'
import { clientNames, clients, duration, hook, lag, number, probe, seconds, text, variable } from './values.js'

/** What the flags set of the engine's options. */
export type FlagOptions = Partial<RehearsalOptions>

/** A flag as it was given: its words, for messages, and what they mean. */
interface Given {
  readonly text: string
  readonly value: unknown
}

/** A flag, and the engine's option that it sets: `replicas`, `readinessProbe.path`. */
export interface Flag {
  readonly option: Option
  readonly sets: string
}

/** Flags that belong together, under a heading of the help. */
export interface FlagGroup {
  readonly heading: string
  readonly flags: readonly Flag[]
}

function flag(flags: string, sets: string, read: (text: string) => unknown, help: string, fallback?: string): Flag {
  const option = new Option(flags, fallback === undefined ? help : `${help} (default: ${fallback})`)
  option.argParser((text: string, before: readonly Given[] = []) => [...before, { text, value: read(text) }])
  return { option, sets }
}

/** A flag that takes no value. */
function toggle(flags: string, sets: string, help: string): Flag {
  return { option: new Option(flags, help).preset([{ text: 'true', value: true }]), sets }
}

/** Every flag that is one of the engine's options, in the order of the help. Defaults are told here, and kept there. */
export const flagGroups: readonly FlagGroup[] = [
  {
    heading: 'Your app:',
    flags: [
      flag('--env <NAME=value>', 'env', variable, 'environment of the pods; may be repeated'),
      flag('--cwd <dir>', 'cwd', text, 'where the command runs', 'here'),
      flag('--name <name>', 'name', text, 'what table, page and report call it', 'the command'),
      flag('--port-env <NAME>', 'portEnv', text, 'variable that tells the app its port', 'PORT'),
      flag('--port <n>', 'port', number, 'port of every pod, if the app cannot be told; it must listen on $HOST then'),
      toggle('--netns', 'netns', 'a network namespace for each pod, as in a cluster; Linux, root'),
      flag('--startup <duration>', 'startupTimeout', duration, 'how long a pod may take to become ready', '30s'),
    ],
  },
  {
    heading: 'Its manifest:',
    flags: [
      flag('--replicas <n>', 'replicas', number, 'pods', '3'),
      flag('--max-surge <n>', 'maxSurge', number, 'pods above that while rolling', '1'),
      flag('--max-unavailable <n>', 'maxUnavailable', number, 'pods that may be missing while rolling', '0'),
      flag('--grace <duration>', 'terminationGracePeriodSeconds', seconds, 'terminationGracePeriodSeconds', '30s'),
      flag(
        '--prestop <hook>',
        'preStop',
        hook,
        'preStop hook: path to GET, sleep:5s, or none',
        '/prestop if the app has podrain, else none',
      ),
      flag(
        '--ready <path>',
        'readinessProbe',
        probe,
        'path of the readiness probe, or tcp',
        'the first of /readyz, /healthz, /health, / that the app has',
      ),
      flag('--ready-period <duration>', 'readinessProbe.periodSeconds', seconds, 'from one probe to the next', '1s'),
      flag('--ready-timeout <duration>', 'readinessProbe.timeoutSeconds', seconds, 'when a probe has failed', '1s'),
      flag('--ready-failures <n>', 'readinessProbe.failureThreshold', number, 'failures until it is unready', '1'),
    ],
  },
  {
    heading: 'What happens to it:',
    flags: [
      flag('--scenario <name>', 'scenario', text, scenarioNames.join(', '), 'rollout'),
      flag(
        '--behind <preset>',
        'behind',
        text,
        `what sends to the pods: ${Object.keys(lagBehind).join(', ')}`,
        'kube-proxy',
      ),
      flag('--endpoint-lag <min,median,max>', 'endpointLag', lag, 'instead: how late it learns that a pod goes'),
      flag(
        '--start-delay <duration>',
        'startDelay',
        duration,
        "from a pod's creation to the start of its process",
        '900ms',
      ),
    ],
  },
  {
    heading: 'What is asked of it:',
    flags: [
      flag('--get <path>', 'requests.get', text, 'GET by kept, new and rarely used connections', '/'),
      flag('--stream <path>', 'requests.stream', text, 'GET of a response that takes its time'),
      flag('--post <path>', 'requests.post', text, 'POST of 16 KiB of text, in chunks'),
      flag('--download <path>', 'requests.download', text, 'GET of some megabytes, by slow readers'),
      flag('--websocket <path>', 'requests.webSocket', text, 'WebSocket that echoes'),
      flag('--sse <path>', 'requests.sse', text, 'event stream'),
      flag('--http2 <path>', 'requests.http2', text, 'GET over cleartext HTTP/2'),
      flag(
        '--clients <kind=n,…>',
        'clients',
        clients,
        `how many of each kind: ${clientNames.join(', ')}`,
        'keep-alive=8,new-connection=4,slow-keep-alive=4, 2 or 4 of each other that has a path',
      ),
      flag('--rate <n>', 'rate', number, 'requests a second of keep-alive and new-connection', 'as the clients please'),
      flag('--warm-up <duration>', 'warmUp', duration, 'load before it happens', '2s'),
      flag('--cool-down <duration>', 'coolDown', duration, 'load after the last old pod', '1s'),
      flag('--connect-timeout <duration>', 'timeouts.connect', duration, 'when a client gives a connection up', '5s'),
      flag('--request-timeout <duration>', 'timeouts.total', duration, 'when a client gives a response up', '30s'),
      flag('--seed <n>', 'seed', number, 'of every random choice', '1'),
      flag('--max-requests <n>', 'maxRequests', number, 'when the rehearsal is given up', '200000'),
      flag('--timeout <duration>', 'timeout', duration, 'when the rehearsal is given up', '10m'),
    ],
  },
]

const flags = flagGroups.flatMap((group) => group.flags)

/** What was given on the command line, as commander keeps it. */
export type GivenFlags = Readonly<Record<string, unknown>>

/** The engine's options that the flags set. */
export function optionsOf(given: GivenFlags): FlagOptions {
  const options: Record<string, unknown> = {}
  for (const { flag, value } of eachGiven(given)) {
    const [name = '', field] = flag.sets.split('.')
    const before = options[name]
    const now = field === undefined ? value : { [field]: value }
    options[name] = isRecord(before) && isRecord(now) ? { ...before, ...now } : now
  }
  return options
}

/**
 * A message of the engine, with the flag where it names an option, and with what was typed where it shows a value:
 * 0.01 seconds are what became of `10ms`.
 */
export function inFlags(message: string, given: GivenFlags): string {
  let typed: string | undefined
  // What follows is what the app wrote.
  const [first = '', ...rest] = message.split('\n')
  const named = first.replace(/`([a-zA-Z0-9.]+)`/g, (whole, name: string) => {
    const flag =
      flags.find(({ sets }) => name === sets) ??
      flags.find(({ sets }) => name.startsWith(`${sets}.`) || sets.startsWith(`${name}.`))
    if (flag === undefined) return whole
    typed ??= eachGiven(given).findLast((each) => each.flag === flag)?.text
    return `\`${flag.option.long}\``
  })
  const told = typed === undefined ? named : named.replace(/, got `.*`$/, `, got \`${typed}\``)
  return [told, ...rest].join('\n')
}

function eachGiven(given: GivenFlags): Array<Given & { readonly flag: Flag }> {
  return flags.flatMap((flag) =>
    ((given[flag.option.attributeName()] ?? []) as readonly Given[]).map((each) => ({ ...each, flag })),
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
