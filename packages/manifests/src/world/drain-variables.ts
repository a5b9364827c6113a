import type { Behind } from '@podrain/core'
import { type Container, isBehind } from '../objects/pod.js'
import { type Resource, textOf } from '../objects/resource.js'
import { behindVariable, graceVariable, misfitOf, presets, sumOf, type Times, timesOf } from '../shared/budget.js'
import type { Place } from '../text/place.js'
import { mayBeFilledIn } from '../text/placeholder.js'

/** What the environment of a container tells podrain about its times, read as podrain reads it. */
export interface DrainVariables {
  /** What podrain is told that it is behind, and the variable that says it; undefined if none does, or the manifest does not show it. */
  readonly believed: { readonly behind: Behind; readonly by: string } | undefined
  /** The least wait for the load balancer, in ms: the told one, or the default; undefined if the manifest does not show it. */
  readonly settle: number | undefined
  /** The variable that sets this wait; undefined if the default counts. */
  readonly setBy: Place | undefined
  /** Whether a variable sets `settle.min`. A preset has no effect on the wait then. */
  readonly hasMin: boolean
  /** The parts of the grace period that podrain keeps, in ms, as far as variables set them. */
  readonly kept: { readonly closing?: number; readonly reserve?: number }
  /** The values with which podrain refuses to start. */
  readonly refused: readonly Refused[]
  /** The wait and the sum with which podrain refuses to start, because they do not fit into the grace period that podrain assumes. */
  readonly misfit: Misfit | undefined
}

/** A sum that does not fit into the grace period. */
interface Misfit {
  /** The wait, in ms. */
  readonly wait: number
  /** As text. */
  readonly sum: string
  /** The grace period that podrain assumes, in seconds. */
  readonly grace: number
}

/** A value with which podrain refuses to start. */
export interface Refused {
  readonly place: Place
  readonly message: string
  readonly fix: string
}

/** A value that a variable gives to an option. */
interface Told {
  readonly place: Place
  /** The variable, or the option within PODRAIN_OPTIONS. */
  readonly by: string
  /** As it is written; undefined if the manifest does not show it. */
  readonly written: string | undefined
  /** NaN if it is no number. */
  readonly number: number
}

/** Finds what sets an option; `name` is its variable. undefined if nothing sets it. */
type Lookup = (option: string, name: string) => Told | undefined

/** A variable of a container. */
interface Variable {
  readonly place: Place
  /** undefined if the manifest does not show it. */
  readonly text: string | undefined
}

const jsonVariable = 'PODRAIN_OPTIONS'

/** The options that share out the grace period, with their variables. */
const durations = {
  'settle.min': 'PODRAIN_SETTLE_MIN',
  'settle.quiet': 'PODRAIN_SETTLE_QUIET',
  'settle.max': 'PODRAIN_SETTLE_MAX',
  closing: 'PODRAIN_CLOSING',
  reserve: 'PODRAIN_RESERVE',
} as const

/** @param configMapOf Finds a ConfigMap of the pod's namespace; undefined if it is not in the files. */
export function drainVariablesOf(
  container: Container,
  configMapOf: (name: string) => Resource | undefined,
): DrainVariables {
  const refused: Refused[] = []
  const variableOf = (name: string) => variableIn(container, name, configMapOf)
  const json = jsonIn(variableOf(jsonVariable), refused)
  const toldOf: Lookup = (option, name) => {
    const variable = variableOf(name)
    // A variable of its own comes before PODRAIN_OPTIONS. One that may be set is unknown, whatever PODRAIN_OPTIONS says.
    return variable === undefined ? json?.(option) : toldByText(variable, name)
  }
  const durationOf = (option: keyof typeof durations) => readDuration(toldOf(option, durations[option]), refused)
  const behind = toldOf('behind', behindVariable)
  const preset = readPreset(behind, refused)
  const min = durationOf('settle.min')
  const max = durationOf('settle.max')
  const quiet = durationOf('settle.quiet')
  const closing = durationOf('closing')
  const reserve = durationOf('reserve')
  const settle = min.told !== undefined ? min.ms : preset === undefined ? undefined : presets[preset].settle
  if (settle !== undefined && max.told !== undefined && max.ms !== undefined && max.ms < settle) {
    refused.push({
      place: max.told.place,
      message: `${max.told.by} is ${max.ms}, less than \`settle.min\` (${settle}), and podrain refuses to start`,
      fix: `Write ${settle} or more, or remove it`,
    })
  }
  const kept = { ...given('closing', closing.ms), ...given('reserve', reserve.ms) }
  const options = {
    ...kept,
    ...(behind !== undefined && preset !== undefined && { behind: preset }),
    settle: { ...given('min', min.ms), ...given('quiet', quiet.ms), ...given('max', max.ms) },
  }
  const isShown =
    refused.length === 0 &&
    settle !== undefined &&
    [min, max, quiet, closing, reserve].every(({ told, ms }) => told === undefined || ms !== undefined)
  const grace = graceOf(container, toldOf)
  const times = isShown && grace !== undefined ? timesOf(options, 'kubernetes', grace) : undefined
  return {
    believed: behind !== undefined && preset !== undefined ? { behind: preset, by: behind.by } : undefined,
    settle,
    setBy: (min.told ?? behind)?.place,
    hasMin: min.told !== undefined,
    kept,
    refused,
    misfit: times === undefined || misfitOf(times, options) === undefined ? undefined : misfitIn(times),
  }
}

/** The preset, by default that of podrain; undefined if the manifest does not show it, or podrain refuses it. */
function readPreset(told: Told | undefined, refused: Refused[]): Behind | undefined {
  if (told === undefined) return 'kube-proxy'
  const { place, written } = told
  if (isBehind(written)) return written
  if (written !== undefined) {
    refused.push({
      place,
      message: `podrain has no preset \`${written}\`, and refuses to start`,
      fix: `Write one of ${Object.keys(presets).join(', ')}`,
    })
  }
  return undefined
}

/** A time in ms; undefined if no variable sets it, the manifest does not show it, or podrain refuses it. */
function readDuration(
  told: Told | undefined,
  refused: Refused[],
): { readonly told: Told | undefined; readonly ms: number | undefined } {
  const ms = told === undefined || !isDuration(told.number) ? undefined : told.number
  if (told?.written !== undefined && ms === undefined) {
    refused.push({
      place: told.place,
      message: `${told.by} is \`${told.written}\`, and podrain refuses to start: it expects 0 or more milliseconds`,
      fix: 'Write milliseconds without a unit: 5000 is 5 s',
    })
  }
  return { told, ms }
}

function misfitIn(times: Times): Misfit {
  const wait = Math.max(times.settle.min, times.settle.quiet)
  const { sum } = sumOf({ ...times, settle: wait, request: 0 })
  return { wait, sum, grace: times.gracePeriod / 1000 }
}

function given<Name extends string>(name: Name, value: number | undefined): { readonly [Key in Name]?: number } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [Key in Name]?: number }
}

/** Whether podrain accepts a number as a time. */
function isDuration(number: number): boolean {
  return number >= 0 && number !== Number.POSITIVE_INFINITY
}

/**
 * The grace period that podrain assumes, in seconds; undefined if the manifest does not show it. If no variable says it, the code may
 * say that of the pod.
 */
function graceOf({ pod }: Container, toldOf: Lookup): number | undefined {
  const told =
    toldOf('terminationGracePeriodSeconds', 'PODRAIN_TERMINATION_GRACE_PERIOD_SECONDS') ??
    toldOf(graceVariable, graceVariable)
  if (told !== undefined) return isDuration(told.number) && told.number > 0 ? told.number : undefined
  return pod.grace === undefined ? undefined : Math.max(30, pod.grace)
}

/** The variable with this name: from `env`, or else from the last ConfigMap of `envFrom` that has it. */
function variableIn(
  { place, environment }: Container,
  name: string,
  configMapOf: (name: string) => Resource | undefined,
): Variable | undefined {
  const entry = environment.get(name)
  if (entry !== undefined) return variable(entry.get('value'), environment.text(name))
  for (const source of place.get('envFrom').items.reverse()) {
    const prefix = textOf(source.get('prefix')) ?? ''
    if (!name.startsWith(prefix)) continue
    const configMap = configMapOf(source.get('configMapRef', 'name').text ?? '')
    // A ConfigMap that is elsewhere, or a Secret, may have this variable.
    if (configMap === undefined) return { place: source, text: undefined }
    const value = configMap.get('data', name.slice(prefix.length))
    if (value.exists) return variable(value, textOf(value))
  }
  return undefined
}

/** As podrain reads the text of a variable: an empty one is no number. */
function toldByText({ place, text }: Variable, by: string): Told {
  return { place, by, written: text, number: text === undefined || text.trim() === '' ? Number.NaN : Number(text) }
}

function variable(place: Place, text: string | undefined): Variable {
  return { place, text: text?.includes('$(') || mayBeFilledIn(text) ? undefined : text }
}

/**
 * Looks up options in PODRAIN_OPTIONS. undefined if the variable is not set. All options are unknown if the manifest does not show its
 * value.
 */
function jsonIn(
  variable: Variable | undefined,
  refused: Refused[],
): ((option: string) => Told | undefined) | undefined {
  if (variable === undefined) return undefined
  const { place, text } = variable
  const object = text === undefined ? undefined : parsed(text)
  if (text !== undefined && object === undefined) {
    refused.push({
      place,
      message: `${jsonVariable} is not one JSON object, and podrain refuses to start`,
      fix: `Write it as {"behind":"envoy"}`,
    })
  }
  return (option) => {
    const by = `${option} of ${jsonVariable}`
    if (object === undefined) return { place, by, written: undefined, number: Number.NaN }
    const value = option
      .split('.')
      .reduce<unknown>((outer, name) => (isObject(outer) ? outer[name] : undefined), object)
    if (value === undefined) return undefined
    const written = typeof value === 'string' ? value : JSON.stringify(value)
    return { place, by, written, number: typeof value === 'number' ? value : Number.NaN }
  }
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
