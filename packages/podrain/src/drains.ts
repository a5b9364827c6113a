import { type ExecFileException, execFile } from 'node:child_process'
import { promisify } from 'node:util'
import Table from 'cli-table3'
import pc from 'picocolors'
import { UsageError } from './usage.js'

/** Flags of `podrain drains`. Durations are milliseconds. */
export interface DrainsFlags {
  readonly namespace?: string
  readonly selector?: string
  readonly context?: string
  readonly kubectl: string
  readonly json?: true
  readonly since?: number
  readonly color: boolean
}

/** What is known of the end of one container. */
export interface KnownDrain {
  readonly pod: string
  readonly container?: string
  /** ISO 8601. Missing if the kubelet does not know, because the container was gone when it looked. */
  readonly endedAt?: string
  readonly durationMs?: number
  /** The outcome in the termination message; `killed` for a container that was killed and left no message. */
  readonly outcome: string
  readonly cutCount?: number
  readonly cut?: readonly string[]
  readonly closedEarly?: readonly string[]
  readonly exitCode?: number
  /** Everything else that is known, as phrases. */
  readonly remarks: readonly string[]
  /** Where this is from: podrain's termination message, an Event, or the container's status alone. */
  readonly from: 'message' | 'event' | 'status'
}

/** An object as the API returns it. Any field may be missing. */
interface KubernetesObject {
  readonly metadata?: {
    readonly name?: string
    readonly annotations?: Readonly<Record<string, string>>
    readonly creationTimestamp?: string
  }
  readonly spec?: {
    readonly selector?: {
      readonly matchLabels?: Readonly<Record<string, string>>
      readonly matchExpressions?: readonly Expression[]
    }
  }
  readonly status?: {
    readonly containerStatuses?: readonly ContainerStatus[]
    readonly initContainerStatuses?: readonly ContainerStatus[]
  }
  readonly eventTime?: string | null
  readonly regarding?: { readonly name?: string }
}

interface Expression {
  readonly key: string
  readonly operator: string
  readonly values?: readonly string[]
}

interface ContainerStatus {
  readonly name?: string
  readonly state?: { readonly terminated?: Terminated }
  readonly lastState?: { readonly terminated?: Terminated }
}

interface Terminated {
  readonly exitCode?: number
  readonly reason?: string
  readonly message?: string
  readonly finishedAt?: string | null
}

/** `podrain drains`. Resolves with the exit code 0. @throws UsageError if kubectl is missing or fails. */
export async function runDrains(target: string | undefined, flags: DrainsFlags): Promise<number> {
  const { drains, hints } = await findDrains(target, flags)
  if (flags.json === true) process.stdout.write(`${JSON.stringify({ drains, hints }, null, 2)}\n`)
  else process.stdout.write(tableOf(drains, hints, flags.color && pc.isColorSupported))
  return 0
}

async function findDrains(target: string | undefined, flags: DrainsFlags) {
  const kubectl = (...args: string[]): Promise<KubernetesObject & { items?: readonly KubernetesObject[] }> =>
    runKubectl(flags, args)
  const { podName, selector = flags.selector } = await choose(target, flags, kubectl)
  const bySelector = selector === undefined ? [] : ['-l', selector]
  const byName = podName === undefined ? [] : [`--field-selector=metadata.name=${podName}`]
  const { items: pods = [] } = await kubectl('get', 'pods', ...bySelector, ...byName)
  const hints: string[] = []
  let events: readonly KubernetesObject[] = []
  try {
    ;({ items: events = [] } = await kubectl('get', 'events.v1.events.k8s.io', ...bySelector))
  } catch (error) {
    hints.push(`Events could not be read, so pods that are gone are missing: ${(error as Error).message}`)
  }
  const told = events.flatMap(drainOfEvent).filter(({ pod }) => podName === undefined || pod === podName)
  if (told.length === 0 && hints.length === 0) {
    hints.push(
      'Pods that are gone are known only from Events, and podrain has written none. The option `events` of @podrain/kubernetes ' +
        'writes them, and the API server keeps them for an hour by default',
    )
  }
  const after = flags.since === undefined ? Number.NEGATIVE_INFINITY : Date.now() - flags.since
  const drains = joined(pods.flatMap(drainsOfPod), told)
    .filter((drain) => timeOf(drain) >= after)
    .sort((one, other) => timeOf(other) - timeOf(one))
  return { drains: drains.map(({ startedAt: _, ...drain }) => drain), hints }
}

/** When the drain ended, in ms since the epoch. A drain with an unknown end counts as the latest. */
function timeOf({ endedAt = '' }: KnownDrain): number {
  const time = Date.parse(endedAt)
  return Number.isNaN(time) ? Number.MAX_SAFE_INTEGER : time
}

/** Which pods to list. podrain's Events have the labels of their pods, so the same selector finds both. */
async function choose(
  target: string | undefined,
  flags: DrainsFlags,
  kubectl: (...args: string[]) => Promise<KubernetesObject>,
): Promise<{ podName?: string; selector?: string }> {
  if (target === undefined) return {}
  if (flags.selector !== undefined) throw new UsageError(`Either ${target} or --selector, not both.`)
  const [, kind, name] =
    /^(deployments?|deploy|statefulsets?|sts|pods?|po)(?:\.apps)?\/([a-z0-9]([-a-z0-9.]*[a-z0-9])?)$/i.exec(target) ??
    []
  if (kind === undefined || name === undefined) {
    throw new UsageError(`It takes deployment/NAME, statefulset/NAME or pod/NAME, not ${target}`)
  }
  if (/^po/i.test(kind)) return { podName: name }
  const { spec } = await kubectl('get', /^d/i.test(kind) ? 'deployments.apps' : 'statefulsets.apps', name)
  const { matchLabels = {}, matchExpressions = [] } = spec?.selector ?? {}
  const labels = Object.entries(matchLabels).map(([label, value]) => `${label}=${value}`)
  return { selector: [...labels, ...matchExpressions.map(inSelector)].join(',') }
}

function inSelector({ key, operator, values = [] }: Expression): string {
  if (operator === 'Exists') return key
  if (operator === 'DoesNotExist') return `!${key}`
  return `${key} ${operator.toLowerCase()} (${values.join(',')})`
}

/** ms that one call of kubectl may take. Thousands of pods take seconds. */
const kubectlTimeout = 120_000

/** Runs kubectl, which has the credentials, so that podrain needs none. */
async function runKubectl({ kubectl, context, namespace }: DrainsFlags, args: readonly string[]): Promise<object> {
  const where = [
    ...(context === undefined ? [] : [`--context=${context}`]),
    ...(namespace === undefined ? [] : [`--namespace=${namespace}`]),
  ]
  try {
    const { stdout } = await promisify(execFile)(kubectl, [...args, ...where, '--output=json'], {
      maxBuffer: 2 ** 30,
      timeout: kubectlTimeout,
    })
    return JSON.parse(stdout)
  } catch (error) {
    const { code, killed, stderr = '', message } = error as ExecFileException
    if (code === 'ENOENT') throw new UsageError(`${kubectl} was not found: install kubectl, or name it with --kubectl`)
    if (killed && code === null)
      throw new UsageError(`${kubectl} ${args.join(' ')} did not answer within ${kubectlTimeout / 1000} s`)
    throw new UsageError(`${kubectl} ${args.join(' ')}: ${stderr.trim() || message}`)
  }
}

type Found = KnownDrain & { readonly startedAt?: string }

/** The message of podrain as an object; undefined if another program wrote it. */
function read(text: string | undefined): Record<string, unknown> | undefined {
  try {
    const said = JSON.parse(text?.split('\n')[0] ?? '')
    return said?.by === 'podrain' && typeof said.outcome === 'string' ? said : undefined
  } catch {
    return undefined
  }
}

function drainsOfPod({ metadata, status }: KubernetesObject): Found[] {
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
  return containers.flatMap(({ name, state, lastState }) =>
    [state?.terminated, lastState?.terminated].flatMap((terminated): Found[] => {
      if (!terminated) return []
      const { exitCode, reason, message, finishedAt } = terminated
      const said = read(message)
      const outOfMemory = reason === 'OOMKilled' ? ['out of memory'] : []
      const ended = {
        pod: metadata?.name ?? '?',
        ...(name === undefined ? {} : { container: name }),
        ...(finishedAt ? { endedAt: finishedAt } : {}),
        ...(exitCode === undefined ? {} : { exitCode }),
      }
      if (said !== undefined) return [{ ...ended, ...factsOf(said, outOfMemory), from: 'message' }]
      if (exitCode !== 137 && reason !== 'OOMKilled') return []
      const why = outOfMemory.length > 0 ? outOfMemory : ['SIGKILL, without a message of podrain']
      return [{ ...ended, outcome: 'killed', remarks: why, from: 'status' }]
    }),
  )
}

function drainOfEvent({ metadata, eventTime, regarding }: KubernetesObject): Found[] {
  const said = read(metadata?.annotations?.['podrain/outcome'])
  const pod = regarding?.name
  if (said === undefined || pod === undefined) return []
  const endedAt = eventTime ?? metadata?.creationTimestamp
  return [{ pod, ...(endedAt ? { endedAt } : {}), ...factsOf(said, []), from: 'event' }]
}

function factsOf(said: Record<string, unknown>, remarks: readonly string[]): Omit<Found, 'pod' | 'endedAt' | 'from'> {
  const number = (name: string): number | undefined => (typeof said[name] === 'number' ? said[name] : undefined)
  const text = (name: string): string | undefined => (typeof said[name] === 'string' ? said[name] : undefined)
  const list = (name: string): string[] | undefined => {
    const value = said[name]
    return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : undefined
  }
  const facts = {
    startedAt: text('startedAt'),
    durationMs: number('durationMs'),
    cutCount: number('cutCount'),
    cut: list('cut'),
    closedEarly: list('closedEarly'),
  }
  const listed = (what: string, name: string): string[] => {
    const items = list(name) ?? []
    return items.length > 0 ? [`${what} ${items.join(', ')}`] : []
  }
  const error = text('error')
  return {
    ...(Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as Partial<Found>),
    outcome: text('outcome') ?? '?',
    remarks: [
      ...(said.outcome === 'draining' ? ['killed meanwhile', ...remarks] : remarks),
      ...(error === undefined ? [] : [error]),
      ...listed('waited for', 'waitingFor'),
      ...listed('left unfinished:', 'unfinishedTasks'),
      ...listed('hooks:', 'failedHooks'),
    ],
  }
}

/** Joins both lists. A drain that is in both is listed once, from the message, because that has an exit code. */
function joined(messages: readonly Found[], events: readonly Found[]): Found[] {
  const isTold = (event: Found): boolean =>
    messages.some(({ pod, startedAt }) => pod === event.pod && startedAt !== undefined && startedAt === event.startedAt)
  return [...messages, ...events.filter((event) => !isTold(event))]
}

/** Table style of kubectl. */
const noBorders = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
    .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'])
    .map((part) => [part, '']),
)

function tableOf(drains: readonly KnownDrain[], hints: readonly string[], colour: boolean): string {
  const { bold, red, green, dim } = pc.createColors(colour)
  const heading = ['POD', 'ENDED', 'TOOK', 'OUTCOME', 'EXIT', 'WHAT']
  const rows = drains.map((drain) =>
    [
      drain.container === undefined ? drain.pod : `${drain.pod}/${drain.container}`,
      drain.endedAt?.replace(/\.\d+/, '') ?? '-',
      drain.durationMs === undefined ? '-' : `${(drain.durationMs / 1000).toFixed(1)} s`,
      drain.outcome,
      String(drain.exitCode ?? '-'),
      whatOf(drain),
    ].map(printable),
  )
  const table = new Table({
    head: heading.map(bold),
    chars: noBorders,
    style: { head: [], 'padding-left': 0, 'padding-right': 2 },
  })
  for (const [pod, ended, took, outcome = '', exit, what] of rows) {
    table.push([pod, ended, took, outcome === 'drained' ? green(outcome) : red(outcome), exit, what])
  }
  const lines =
    rows.length === 0
      ? ['No drain is known.']
      : table
          .toString()
          .split('\n')
          .map((line) => line.trimEnd())
  return `${[...lines, ...hints.map((hint) => dim(`${hint}.`))].join('\n')}\n`
}

/** Without control characters: any program in a pod can write the message, and could send escape sequences to the terminal. */
function printable(cell: string): string {
  return cell.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, '\uFFFD')
}

function whatOf({ cutCount = 0, cut = [], closedEarly = [], remarks }: KnownDrain): string {
  return [
    ...(closedEarly.length > 0 ? [`closed early at ${closedEarly.join(', ')}`] : []),
    ...(cutCount > 0 ? [`cut ${cutCount}: ${cut.join(', ')}${cutCount > cut.length ? ', …' : ''}`] : []),
    ...remarks,
  ].join('; ')
}
