import { type EndpointOptions, type EndpointPaths, endpointOptionNames } from './endpoints/options.js'
import { adapterOptionNames, type DrainOptions, drainOptionNames, type SettleOptions } from './options.js'
import { nearestTo } from './shared/nearest.js'
import { knownKeys } from './shared/validate.js'

/** A kind of value that a variable may have. */
interface Kind {
  /** The expected value, in words for an error. */
  readonly words: string
  /** Reads the text of a variable. Returns undefined if the text is not of this kind. */
  read(text: string): unknown
}

const number: Kind = {
  words: 'a number',
  read: (text) => (text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined),
}
const text: Kind = { words: 'text', read: (text) => text }
/** Without this rule, PODRAIN_CONTROL_SOCKET=1 would be a socket with the name 1 in the working directory. */
const path: Kind = { words: 'a path that begins with /', read: (text) => (text.startsWith('/') ? text : undefined) }
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
 * The kinds of value that each option accepts from its variable. An option that only code can set, such as a function, has none.
 * TypeScript refuses this table if an option is missing in it.
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
  terminationMessagePath: [no, path],
  'endpoints.readyz': [no, path],
  'endpoints.livez': [no, path],
  'endpoints.prestop': [no, path],
  'endpoints.drainz': [no, path],
  'endpoints.busyz': [no, path],
  checkTimeout: [number],
  readyzWhileDraining: [text],
  token: [text],
  controlPort: [number],
  controlSocket: [yes, no, path],
  checks: [],
  clock: [],
  process: [],
}

/** The options that have a variable, by the name of the variable: `settle.min` is PODRAIN_SETTLE_MIN. */
export const variables: ReadonlyMap<string, string> = new Map(
  Object.entries(kinds).flatMap(([option, { length }]) => (length > 0 ? [[variableOf(option), option] as const] : [])),
)

/** The options that have no variable. */
const inCode: readonly string[] = [...Object.keys(kinds), ...adapterOptionNames].filter(
  (option) => !variables.has(variableOf(option)),
)

/** Variables that do not set an option: those of the preload and of `podrain-prestop`, and the one from a primary to its workers. */
export const otherVariables = ['PODRAIN_AUTO', 'PODRAIN_OPTIONS', 'PODRAIN_SOCKET', 'PODRAIN_PRIMARY'] as const

type Options = Record<string, unknown>
type Environment = Readonly<Record<string, string | undefined>>

/** The options of the control endpoints, on the application's port or on their own port and socket. */
export const controlOptionNames: readonly string[] = [...endpointOptionNames, 'controlPort', 'controlSocket']

/** The variables that are meant for podrain: those that begin with `PODRAIN_`, without those that Kubernetes sets for Services. */
function given(env: Environment): string[] {
  return Object.keys(env).filter((name) => name.startsWith('PODRAIN_') && !isOfService(name, env))
}

/**
 * The options that environment variables set.
 * @throws {TypeError} if a value is wrong: the message names the variable, its value and what was expected. Also for an unknown
 * name that is nearly one of podrain's, or is that of an option that only code can set. Other unknown names are allowed, because an application may have variables of its own that
 * begin with `PODRAIN_`.
 */
export function optionsOf(env: Environment): Options {
  const options = fromJson(env.PODRAIN_OPTIONS)
  for (const name of given(env)) {
    const option = variables.get(name)
    if (option === undefined) {
      if (!isOther(name) && remedyFor(name) !== undefined) throw unknown(name)
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

/** @throws {TypeError} if a variable begins with `PODRAIN_` and is not a variable of podrain */
export function refuseUnknownVariables(env: Environment): void {
  const name = given(env).find((each) => !variables.has(each) && !isOther(each))
  if (name !== undefined) throw unknown(name)
}

/**
 * Fills in options that are missing from environment variables.
 * @param names The names of the options that may come from the environment.
 * @throws {TypeError} as `optionsOf`
 */
export function withVariables<Given extends object>(options: Given, names: readonly string[]): Given {
  const told = Object.entries(optionsOf(process.env)).filter(([name]) => names.includes(name))
  const merged = { ...options } as Options
  for (const [name, value] of told) {
    const own = merged[name]
    // `token: undefined` is a mistake that must stay visible: `resolveAdapterOptions` throws for it.
    if (own === undefined && !(name === 'token' && name in merged)) merged[name] = value
    else if (isPlain(own) && isPlain(value)) merged[name] = { ...value, ...own }
  }
  return merged as Given
}

/**
 * Calls `resolve` with the options, filled in from environment variables. If `resolve` throws because of an option that came from
 * the environment, the error names the variable, because the user finds no such option in the code.
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
    const told = message.replace(/`([\w.]+)`/g, (whole, path: string) =>
      at(merged, path) === undefined ? whole : sourceOf(options, path),
    )
    if (told !== message) throw new TypeError(told, { cause: error })
    if (process.env.PODRAIN_OPTIONS === undefined) throw error
    throw new TypeError(`${message} (see PODRAIN_OPTIONS)`, { cause: error })
  }
}

/** What has set an option: the option itself, its variable or PODRAIN_OPTIONS. `options` are those without variables. */
export function sourceOf(options: object, path: string): string {
  const option = `\`${path}\``
  if (at(options, path) !== undefined) return option
  const variable = variableOf(path)
  return process.env[variable] === undefined ? `${option} of PODRAIN_OPTIONS` : variable
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
    // The error is thrown below.
  }
  if (isPlain(options)) {
    knownKeys('option of PODRAIN_OPTIONS', options, [...drainOptionNames, ...controlOptionNames])
    return { ...options }
  }
  // The error does not show the value, which may contain a token.
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
 * Whether Kubernetes has set the variable for a Service (kubernetes.io/docs/concepts/services-networking/service, "Environment
 * variables"). A Service may be called `podrain-control`, and its variables then begin with `PODRAIN_`.
 */
function isOfService(name: string, env: Environment): boolean {
  if (/_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)) return true
  return name.endsWith('_PORT') && /^(tcp|udp|sctp):/.test(env[name] ?? '')
}

function isOther(name: string): boolean {
  return (otherVariables as readonly string[]).includes(name)
}

/** What to do about an unknown variable that is most probably meant for podrain. undefined for other variables. */
function remedyFor(name: string): string | undefined {
  const option = inCode.find((option) => variableOf(option) === name)
  if (option !== undefined) return `\`${option}\` can be set in the code only`
  const longer = [...variables.keys()].filter((variable) => variable.startsWith(`${name}_`))
  if (longer.length > 0) return `did you mean ${longer.join(', ')}?`
  const nearest = nearestTo(name, [...variables.keys(), ...otherVariables])
  return nearest === undefined ? undefined : `did you mean ${nearest}?`
}

/** The error for an unknown variable. It does not show the value, which may be a secret under a misspelt name. */
function unknown(name: string): TypeError {
  const remedy = remedyFor(name) ?? 'the names are those of the options, such as PODRAIN_SETTLE_MIN for `settle.min`'
  return new TypeError(`Unknown environment variable ${name}: ${remedy}`)
}
