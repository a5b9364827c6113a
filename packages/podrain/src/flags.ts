import {
  clientKinds,
  type Kind,
  kinds,
  pathNames,
  presets,
  type RehearsalOptions,
  scenarioNames,
  throughNames,
  workloadKinds,
} from '@podrain/rehearsal'
import { Option } from 'commander'
import { UsageError } from './usage.js'
import {
  clientNames,
  clients,
  duration,
  header,
  hook,
  lag,
  number,
  pods,
  probe,
  seconds,
  text,
  variable,
} from './values.js'

/** A warning for every help text that lists the presets. */
export const retired = 'ingress-nginx gets no security fixes since March 2026'

/** The engine's options that flags set. */
export type FlagOptions = Partial<RehearsalOptions>

/** A flag as it was given: the text, for messages, and its value. */
interface Given {
  readonly text: string
  readonly value: unknown
}

/** A flag, and the engine's option that it sets: `replicas`, `readinessProbe.path`. */
export interface Flag {
  readonly option: Option
  readonly sets: string
}

/** Flags under one heading of the help. */
export interface FlagGroup {
  readonly heading: string
  readonly flags: readonly Flag[]
}

function flag(flags: string, sets: string, read: (text: string) => unknown, help: string, fallback?: string): Flag {
  const option = new Option(flags, fallback === undefined ? help : `${help} (default: ${fallback})`)
  option.argParser((text: string, before: readonly Given[] = []) => [...before, { text, value: read(text) }])
  return { option, sets }
}

/** A flag that may be given without a value. Its value is then `usual`. */
function optional(usual: string, { option, sets }: Flag): Flag {
  return { option: option.preset(usual), sets }
}

/** A flag that takes no value. */
function toggle(flags: string, sets: string, help: string): Flag {
  return { option: new Option(flags, help).preset([{ text: 'true', value: true }]), sets }
}

/** A flag that turns off what is on. */
function off(flags: string, sets: string, help: string): Flag {
  // Without this default, commander would set it to `true`.
  return { option: new Option(flags, help).preset([{ text: 'false', value: false }]).default([]), sets }
}

/** A flag for each path that a kind of client requests. */
const paths: readonly Flag[] = pathNames.map((name) => {
  const { help, usual } = clientKinds.map((kind): Kind => kinds[kind]).find(({ path }) => path === name) as Kind
  const long = `--${name.toLowerCase()}`
  const asked = (flags: string) => flag(flags, `requests.${name}`, text, help, name === 'get' ? '/' : undefined)
  return usual === undefined ? asked(`${long} <path>`) : optional(usual, asked(`${long} [method]`))
})

const usualClients = clientKinds
  .flatMap((kind, index) => (kinds[kind].path === 'get' ? [`${clientNames[index]}=${kinds[kind].count}`] : []))
  .join()

/** Every flag that sets an option of the engine, in the order of the help. The help repeats the engine's defaults; a test compares them. */
export const flagGroups: readonly FlagGroup[] = [
  {
    heading: 'Your app:',
    flags: [
      flag('--env <NAME=value>', 'env', variable, 'an environment variable of the pods; may be repeated'),
      flag('--cwd <dir>', 'cwd', text, 'where the command runs', 'here'),
      flag('--name <name>', 'name', text, 'its name in table, page and report', 'the command'),
      flag('--port-env <NAME>', 'portEnv', text, 'the environment variable with the port of a pod', 'PORT'),
      flag(
        '--port <n>',
        'port',
        number,
        'port of every pod, for an app with a fixed port; it must listen on $HOST then',
      ),
      toggle('--tls', 'tls', 'the app uses TLS; its certificate is not verified'),
      toggle('--netns', 'netns', 'a network namespace for each pod, as in a cluster; Linux, root'),
      off(
        '--no-pid-namespace',
        'pidNamespace',
        'do not make each pod PID 1 of its own namespace, as it is in a container',
      ),
      flag('--logs <dir>', 'logs', text, 'a directory for the output of the pods, one file each'),
      flag(
        '--startup-timeout <duration>',
        'startupTimeout',
        duration,
        'how long a pod may take to become ready',
        '30s, plus the least time that its probes take',
      ),
    ],
  },
  {
    heading: 'Its manifest:',
    flags: [
      flag('--workload <kind>', 'workload', text, `what owns the pods: ${workloadKinds.join(', ')}`, 'Deployment'),
      flag('--replicas <n>', 'replicas', number, 'pods', '3'),
      flag('--max-surge <n>', 'maxSurge', pods, 'pods above --replicas while rolling, or a percentage', '25%'),
      flag(
        '--max-unavailable <n>',
        'maxUnavailable',
        pods,
        'pods that may be missing while rolling, or a percentage',
        '25%',
      ),
      flag('--partition <n>', 'partition', number, 'of a StatefulSet: the lowest ordinal that is replaced', '0'),
      flag(
        '--min-ready <duration>',
        'minReadySeconds',
        seconds,
        'how long a new pod must be ready before it counts as available',
        '0s',
      ),
      flag('--cpus <n>', 'cpus', number, 'CPU limit of the container, such as 0.5; Linux, root, cgroup v2'),
      flag('--grace <duration>', 'terminationGracePeriodSeconds', seconds, 'terminationGracePeriodSeconds', '30s'),
      flag(
        '--prestop <hook>',
        'preStop',
        hook,
        'preStop hook: path to GET, https:/path, exec:COMMAND, sleep:5s, or none',
        '/prestop if the app has podrain, else none',
      ),
      flag('--prestop-header <name:value>', 'preStop.httpGet.httpHeaders', header, 'sent with the hook'),
      flag(
        '--ready <path>',
        'readinessProbe',
        probe,
        'readiness probe: path, https:/path, tcp, grpc or grpc:PORT/SERVICE',
        'the first of /readyz, /healthz, /health, / that the app has',
      ),
      flag('--ready-period <duration>', 'readinessProbe.periodSeconds', seconds, 'from one probe to the next', '1s'),
      flag('--ready-timeout <duration>', 'readinessProbe.timeoutSeconds', seconds, 'how long a probe may take', '1s'),
      flag(
        '--ready-failures <n>',
        'readinessProbe.failureThreshold',
        number,
        'failed probes in a row until a pod is unready',
        '1',
      ),
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
        `what routes to the pods: ${Object.keys(presets).join(', ')}; ${retired}`,
        'kube-proxy',
      ),
      flag(
        '--endpoint-lag <min,median,max>',
        'endpointLag',
        lag,
        'instead of --behind: how late clients learn of a change',
      ),
      flag(
        '--nodes <n>',
        'nodes',
        number,
        'nodes that clients are on; each learns of a change after its own delay',
        '1',
      ),
      flag(
        '--through <program>',
        'through',
        text,
        `a proxy between clients and pods: ${throughNames.join(', ')} (proxy is built in)`,
      ),
      flag(
        '--hop-keep-alive <n>',
        'hop.keepAlive',
        number,
        'with --through: idle connections to pods that it keeps',
        '64',
      ),
      flag('--hop-retries <n>', 'hop.retries', number, 'with --through: how often it sends a request again', '0'),
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
    heading: 'What clients request:',
    flags: [
      ...paths,
      flag(
        '--grpc-message <base64>',
        'requests.grpcCall.message',
        text,
        'with --grpc: the encoded message, or it is empty',
      ),
      flag('--grpc-metadata <name:value>', 'requests.grpcCall.metadata', header, 'with --grpc; may be repeated'),
      flag(
        '--clients <kind=n,…>',
        'clients',
        clients,
        `how many of each kind: ${clientNames.join(', ')}`,
        `${usualClients}, 2 or 4 of each other that has a path`,
      ),
      flag(
        '--rate <n>',
        'rate',
        number,
        'requests per second of keep-alive and new-connection',
        'each client at its own pace',
      ),
      toggle('--open-loop', 'openLoop', 'with --rate: requests begin on schedule, however long earlier ones take'),
      flag('--warm-up <duration>', 'warmUp', duration, 'load before anything happens to the pods', '2s'),
      flag('--cool-down <duration>', 'coolDown', duration, 'load after the last old pod is gone', '1s'),
      flag('--connect-timeout <duration>', 'timeouts.connect', duration, 'how long a client waits to connect', '5s'),
      flag('--request-timeout <duration>', 'timeouts.total', duration, 'how long a client waits for a response', '30s'),
      flag('--seed <n>', 'seed', number, 'seed of every random choice', '1'),
      flag('--max-requests <n>', 'maxRequests', number, 'cut the rehearsal short after this many requests', '200000'),
      flag('--timeout <duration>', 'timeout', duration, 'cut the rehearsal short after this time', '10m'),
    ],
  },
]

const flags = flagGroups.flatMap((group) => group.flags)

/** What was given on the command line, as commander keeps it. */
export type GivenFlags = Readonly<Record<string, unknown>>

/**
 * The engine's options: `options` from elsewhere, overridden by the flags.
 * @throws UsageError if a flag for a path is given twice: only the last path would get requests.
 */
export function optionsOf(given: GivenFlags, options: FlagOptions = {}): FlagOptions {
  for (const path of paths) {
    const texts = eachGiven(given).flatMap(({ flag, text }) => (flag === path ? [text] : []))
    if (texts.length > 1) {
      throw new UsageError(
        `\`${path.option.long}\` is given ${texts.length} times (${texts.join(', ')}): it takes one path. ` +
          'To send several requests, list them in a file and pass `--requests FILE`',
      )
    }
  }
  return eachGiven(given).reduce<FlagOptions>((all, { flag, value }) => set(all, flag.sets.split('.'), value), options)
}

/** The options with a value set at a path. Objects are merged, but a hook replaces another hook. */
function set(options: unknown, [name = '', ...inner]: readonly string[], value: unknown): Record<string, unknown> {
  const all = isRecord(options) ? options : {}
  const before = all[name]
  if (inner.length > 0) return { ...all, [name]: set(before, inner, value) }
  const joined = name !== 'preStop' && isRecord(before) && isRecord(value)
  return { ...all, [name]: joined ? { ...before, ...value } : value }
}

/**
 * A message of the engine in terms of flags: names of options become flags, and a value becomes the text that was typed, such as
 * `10ms` for 0.01.
 */
export function inFlags(message: string, given: GivenFlags): string {
  let typed: string | undefined
  // The lines after the first are the app's output.
  const [first = '', ...rest] = message.split('\n')
  const named = first.replace(/`([a-zA-Z0-9.]+)`/g, (whole, name: string) => {
    if (name === 'requests.mix') return '`--requests FILE`'
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
