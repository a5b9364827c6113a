import { type EndpointOptions, type EndpointPaths, endpointOptionNames } from './endpoints/options.js'
import { type DrainOptions, drainOptionNames, type SettleOptions } from './options.js'
import { knownKeys } from './shared/validate.js'

/** Reads the text of a variable. Returns undefined if it is none of this kind. */
interface Kind {
  /** What is expected, in words. */
  readonly words: string
  read(text: string): unknown
}

const number: Kind = {
  words: 'a number',
  read: (text) => (text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined),
}
const text: Kind = { words: 'text', read: (text) => text }
const list: Kind = { words: 'a list such as SIGTERM,SIGINT', read: (text) => text.split(',').map((one) => one.trim()) }
const yes: Kind = { words: 'true', read: (text) => (text === 'true' ? true : undefined) }
const no: Kind = { words: 'false', read: (text) => (text === 'false' ? false : undefined) }

type OptionName =
  | Exclude<keyof DrainOptions, 'settle'>
  | Exclude<keyof EndpointOptions, 'endpoints'>
  | `settle.${keyof SettleOptions}`
  | `endpoints.${keyof EndpointPaths}`
  | 'controlPort'
  | 'controlSocket'

/**
 * How each option is read. One that is neither text nor a number nor one of these, such as a function, has no variable.
 * TypeScript refuses this table when a drain or its endpoints have an option that is not in it.
 */
const kinds: Readonly<Record<OptionName, readonly Kind[]>> = {
  terminationGracePeriodSeconds: [number],
  reserve: [number],
  closing: [number],
  behind: [text],
  'settle.min': [number],
  'settle.quiet': [number],
  'settle.max': [number],
  platform: [text],
  keepAliveCap: [number],
  hookTimeout: [number],
  signals: [no, list],
  errors: [yes, no],
  progress: [no, number],
  logger: [no],
  reportFormat: [text],
  terminationMessagePath: [no, text],
  'endpoints.readyz': [no, text],
  'endpoints.livez': [no, text],
  'endpoints.prestop': [no, text],
  'endpoints.drainz': [no, text],
  'endpoints.busyz': [no, text],
  checkTimeout: [number],
  readyzWhileDraining: [text],
  token: [text],
  controlPort: [number],
  controlSocket: [yes, no, text],
  checks: [],
  clock: [],
  process: [],
}

/** The options that have a variable, by the name of the variable: `settle.min` is PODRAIN_SETTLE_MIN. */
export const variables: ReadonlyMap<string, string> = new Map(
  Object.entries(kinds).flatMap(([option, { length }]) => (length > 0 ? [[variableOf(option), option] as const] : [])),
)

/** Variables that are no options: those of the preload, of `podrain-prestop`, and of core to its workers. */
export const otherVariables = ['PODRAIN_AUTO', 'PODRAIN_OPTIONS', 'PODRAIN_SOCKET', 'PODRAIN_PRIMARY'] as const

type Options = Record<string, unknown>
type Environment = Readonly<Record<string, string | undefined>>

/** The options of the control endpoints, wherever they are answered. */
export const controlOptionNames: readonly string[] = [...endpointOptionNames, 'controlPort', 'controlSocket']

/** The variables that may be misspelt: those that begin as ours do, without those that Kubernetes has set. */
function given(env: Environment): string[] {
  return Object.keys(env).filter((name) => name.startsWith('PODRAIN_') && !isOfService(name, env))
}

/**
 * The options that the environment gives.
 * @throws {TypeError} that names the variable, its value and what was expected. A name that is none is an error if it is nearly
 * one of ours: an application may have variables of its own that begin in the same way.
 */
export function optionsOf(env: Environment): Options {
  const options = fromJson(env.PODRAIN_OPTIONS)
  for (const name of given(env)) {
    const option = variables.get(name)
    if (option === undefined) {
      if (!isOther(name) && (inGroup(name).length > 0 || nearestTo(name).distance <= likely)) throw unknown(name)
      continue
    }
    const own = kinds[option as OptionName]
    const value = own.map(({ read }) => read(env[name] ?? '')).find((value) => value !== undefined)
    if (value === undefined) {
      const words = own.map(({ words }) => words).join(' or ')
      throw new TypeError(`Expected ${name} to be ${words}, got \`${env[name]}\``)
    }
    set(options, option.split('.'), value)
  }
  return options
}

/** @throws {TypeError} for every variable that begins as ours do and is none of them */
export function refuseUnknownVariables(env: Environment): void {
  const name = given(env).find((each) => !variables.has(each) && !isOther(each))
  if (name !== undefined) throw unknown(name)
}

/**
 * Options with what the environment gives in place of those that are not there.
 * @param names Of the options that are taken from the environment.
 * @throws {TypeError} as `optionsOf`
 */
export function withVariables<Given extends object>(options: Given, names: readonly string[]): Given {
  const told = Object.entries(optionsOf(process.env)).filter(([name]) => names.includes(name))
  const merged = { ...options } as Options
  for (const [name, value] of told) {
    const own = merged[name]
    // A token that is there and is undefined is a mistake, which whoever checks the options tells.
    if (own === undefined && !(name === 'token' && name in merged)) merged[name] = value
    else if (isPlain(own) && isPlain(value)) merged[name] = { ...value, ...own }
  }
  return merged as Given
}

/**
 * Calls `resolve` with the options as the environment completes them. An error that is about an option of the environment speaks of
 * its variable, because there is no such option in the code.
 * @throws {TypeError} as `optionsOf`, and whatever `resolve` throws
 */
export function resolveWithVariables<Given extends object, Result>(
  options: Given,
  names: readonly string[],
  resolve: (options: Given) => Result,
): Result {
  if (!isPlain(options)) return resolve(options)
  const merged = withVariables(options, names)
  try {
    return resolve(merged)
  } catch (error) {
    const { message } = error as Error
    const told = message.replace(/`([\w.]+)`/g, (whole, path: string) => {
      if (at(options, path) !== undefined || at(merged, path) === undefined) return whole
      const variable = variableOf(path)
      return process.env[variable] === undefined ? `${whole} of PODRAIN_OPTIONS` : variable
    })
    if (told !== message) throw new TypeError(told, { cause: error })
    if (process.env.PODRAIN_OPTIONS === undefined) throw error
    throw new TypeError(`${message} (see PODRAIN_OPTIONS)`, { cause: error })
  }
}

function isPlain(value: unknown): value is Options {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value of an option by its path. */
function at(options: object, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => (isPlain(value) ? value[name] : undefined), options)
}

function fromJson(text: string | undefined): Options {
  if (text === undefined) return {}
  let options: unknown
  try {
    options = JSON.parse(text)
  } catch {
    // It is refused below.
  }
  if (isPlain(options)) {
    knownKeys('option of PODRAIN_OPTIONS', options, [...drainOptionNames, ...controlOptionNames])
    return { ...options }
  }
  // Without the value, which may contain a token.
  throw new TypeError('Expected PODRAIN_OPTIONS to be one JSON object, as {"behind":"envoy"}')
}

/** Sets an option by its path. An object on the way is copied. What is no object stays, and is refused when the options are checked. */
function set(options: Options, [name = '', ...inner]: readonly string[], value: unknown): void {
  if (inner.length === 0) {
    options[name] = value
    return
  }
  const outer = options[name]
  if (outer !== undefined && !isPlain(outer)) return
  const nested = { ...outer }
  set(nested, inner, value)
  options[name] = nested
}

function variableOf(option: string): string {
  return `PODRAIN_${option.replace(/[A-Z]/g, '_$&').replace('.', '_').toUpperCase()}`
}

/**
 * Whether Kubernetes has set the variable. In every container it sets some for each Service of the namespace, and a
 * Service may be called `podrain-control`.
 */
function isOfService(name: string, env: Environment): boolean {
  if (/_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)) return true
  return name.endsWith('_PORT') && /^(tcp|udp|sctp):/.test(env[name] ?? '')
}

function isOther(name: string): boolean {
  return (otherVariables as readonly string[]).includes(name)
}

/** So many letters may differ in a name that is misspelt. */
const likely = 2

/** The variables of the options in a group: PODRAIN_SETTLE_MIN and others for PODRAIN_SETTLE. */
function inGroup(name: string): string[] {
  return [...variables].flatMap(([variable, option]) => {
    const [group = '', inner] = option.split('.')
    return inner !== undefined && variableOf(group) === name ? [variable] : []
  })
}

/** Without the value, which may be a secret under a misspelt name. */
function unknown(name: string): TypeError {
  const group = inGroup(name)
  const { nearest, distance } = nearestTo(name)
  const remedy =
    group.length > 0
      ? `its options have a variable each: ${group.join(', ')}`
      : distance <= likely
        ? `did you mean ${nearest}?`
        : 'the names are those of the options, such as PODRAIN_SETTLE_MIN for `settle.min`'
  return new TypeError(`Unknown environment variable ${name}: ${remedy}`)
}

function nearestTo(name: string): { readonly nearest: string; readonly distance: number } {
  return [...variables.keys(), ...otherVariables]
    .map((nearest) => ({ nearest, distance: distanceOf(name, nearest) }))
    .reduce((best, each) => (each.distance < best.distance ? each : best))
}

/** Number of letters that differ (Levenshtein). */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const replaced = (row[j - 1] as number) + (one[i - 1] === other[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row.at(-1) as number
}
