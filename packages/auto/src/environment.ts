import type { AdapterOptions, EndpointPaths, SettleOptions } from '@podrain/core'

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
  | Exclude<keyof AdapterOptions, 'settle' | 'endpoints'>
  | `settle.${keyof SettleOptions}`
  | `endpoints.${keyof EndpointPaths}`

/**
 * How each option is read. One that is neither text nor a number nor one of these, such as a function, has no variable.
 * TypeScript refuses this table when core has an option that is not in it.
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
  drain: [],
  metrics: [],
  clock: [],
  process: [],
}

/** The options that have a variable, by the name of the variable: `settle.min` is PODRAIN_SETTLE_MIN. */
export const variables: ReadonlyMap<string, string> = new Map(
  Object.entries(kinds).flatMap(([option, { length }]) => (length > 0 ? [[variableOf(option), option] as const] : [])),
)

/** Variables that are no options: those of this package, of `podrain-prestop`, and of core to its workers. */
export const otherVariables = ['PODRAIN_AUTO', 'PODRAIN_OPTIONS', 'PODRAIN_SOCKET', 'PODRAIN_PRIMARY'] as const

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The options that the environment gives; undefined if it turns the preload off.
 * @param check Throws for a wrong option.
 * @throws {TypeError} that names the variable, its value and what was expected
 */
export function optionsOf(env: Environment, check: (options: AdapterOptions) => void): AdapterOptions | undefined {
  const { PODRAIN_AUTO: auto = 'true' } = env
  if (auto === 'false' || auto === '0') return undefined
  if (auto !== 'true' && auto !== '1') throw expected('PODRAIN_AUTO', 'true or false', auto)
  const given = Object.keys(env).filter((name) => name.startsWith('PODRAIN_') && !isOfService(name, env))
  const options = fromJson(env.PODRAIN_OPTIONS)
  const json = new Set(Object.entries(options).flatMap(([name, value]) => [name, ...innerNames(name, value)]))
  for (const name of given) {
    const option = variables.get(name)
    if (!option && !(otherVariables as readonly string[]).includes(name)) throw unknown(name)
    if (!option) continue
    const own = kinds[option as OptionName]
    const value = own.map(({ read }) => read(env[name] ?? '')).find((value) => value !== undefined)
    if (value === undefined) throw expected(name, own.map(({ words }) => words).join(' or '), env[name])
    set(options, option.split('.'), value)
    json.delete(option)
  }
  try {
    if (Object.keys(options).length > 0) check(options)
  } catch (error) {
    // The message speaks of options. Whoever reads it has written variables.
    const message = (error as Error).message.replace(/`([\w.]+)`/g, (whole, path: string) => {
      if (json.has(path)) return `${whole} of PODRAIN_OPTIONS`
      const name = variableOf(path)
      return given.includes(name) ? name : whole
    })
    throw new TypeError(message.includes('PODRAIN_') ? message : `${message} (see PODRAIN_OPTIONS)`)
  }
  return options
}

function fromJson(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {}
  let options: unknown
  try {
    options = JSON.parse(text)
  } catch {
    // It is refused below.
  }
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) return { ...options }
  // Without the value, which may contain a token.
  throw new TypeError('Expected PODRAIN_OPTIONS to be one JSON object, as {"behind":"envoy"}')
}

function innerNames(name: string, value: unknown): string[] {
  return typeof value === 'object' && value !== null ? Object.keys(value).map((inner) => `${name}.${inner}`) : []
}

/** Sets an option by its path. An object on the way is copied. */
function set(options: Record<string, unknown>, [name = '', ...inner]: readonly string[], value: unknown): void {
  if (inner.length === 0) {
    options[name] = value
    return
  }
  const nested = { ...(options[name] as object) }
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

function expected(name: string, what: string, given: string | undefined): TypeError {
  return new TypeError(`Expected ${name} to be ${what}, got \`${given}\``)
}

/** Without the value, which may be a secret under a misspelt name. */
function unknown(name: string): TypeError {
  const [nearest, distance] = [...variables.keys(), ...otherVariables]
    .map((known) => [known, distanceOf(name, known)] as const)
    .reduce((best, each) => (each[1] < best[1] ? each : best))
  const remedy =
    distance <= 3
      ? `did you mean ${nearest}?`
      : 'the names are those of the options, such as PODRAIN_SETTLE_MIN for `settle.min`'
  return new TypeError(`Unknown environment variable ${name}: ${remedy}`)
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
