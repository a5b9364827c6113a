import {
  type Behind,
  budgetLine,
  graceSecondsFor,
  misfitOf,
  type Platform,
  platforms,
  type TimeOptions,
  type Times,
  timesOf,
} from '@podrain/core/budget'

/** What the form asks. What is left out has the default of podrain. Milliseconds, except for what is in seconds. */
export interface Inputs {
  readonly platform: Platform
  readonly graceSeconds?: number
  readonly behind?: Behind
  readonly min?: number
  readonly quiet?: number
  readonly closing?: number
  readonly reserve?: number
  readonly keepAliveCap?: number
  readonly longestRequestSeconds?: number
}

/** A stretch of time, in milliseconds from the first sign. */
export interface Part {
  readonly name: string
  readonly kind: 'settle' | 'requests' | 'closing' | 'reserve' | 'ramp' | 'idle' | 'longest' | 'cut'
  readonly from: number
  readonly to: number
}

/** A line of the picture. The parts of one do not overlap. */
export interface Lane {
  readonly name: string
  readonly parts: readonly Part[]
}

export interface Calculation {
  readonly times: Times
  /** The error of podrain; undefined if the times fit. */
  readonly misfit: string | undefined
  /** What podrain logs at the start. */
  readonly line: string
  /** The longest request, if it cannot be answered within the grace period. */
  readonly late: string | undefined
  readonly lanes: readonly Lane[]
  /** Where the picture ends. */
  readonly end: number
  /** The options to copy, as they stand in the code. */
  readonly code: string
  /** What the platform has to be told. */
  readonly setting: string
}

export function calculate(inputs: Inputs): Calculation {
  const options = optionsOf(inputs)
  const times = timesOf(options, inputs.platform, inputs.graceSeconds)
  const lanes = lanesOf(times, (inputs.longestRequestSeconds ?? 0) * 1000)
  return {
    times,
    misfit: misfitOf(times, options),
    line: budgetLine(times),
    late: lateOf(times, options, inputs.longestRequestSeconds ?? 0),
    lanes,
    end: Math.max(...lanes.flatMap(({ parts }) => parts.map(({ to }) => to)), times.gracePeriod),
    code: codeOf(options),
    setting: times.platform === 'kubernetes' ? manifestOf(times) : settingOf(times),
  }
}

function optionsOf({ behind, min, quiet, closing, reserve, keepAliveCap }: Inputs): TimeOptions {
  const settle = { ...(min !== undefined && { min }), ...(quiet !== undefined && { quiet }) }
  return {
    ...(behind !== undefined && { behind }),
    ...(Object.keys(settle).length > 0 && { settle }),
    ...(closing !== undefined && { closing }),
    ...(reserve !== undefined && { reserve }),
    ...(keepAliveCap !== undefined && { keepAliveCap }),
  }
}

/** How long load balancers are waited for at least. */
const waitOf = ({ settle }: Times): number => Math.max(settle.min, settle.quiet)

function lanesOf(times: Times, longestRequest: number): readonly Lane[] {
  const { gracePeriod, closing, reserve, settle, keepAliveCap } = times
  const wait = waitOf(times)
  // Times that do not fit are drawn one after the other, past the end of the grace period.
  const cut = Math.max(wait, gracePeriod - closing - reserve)
  const budget: Part[] = [
    { name: 'Wait for load balancers', kind: 'settle', from: 0, to: wait },
    { name: 'Requests and tasks', kind: 'requests', from: wait, to: cut },
    { name: 'Closing', kind: 'closing', from: cut, to: cut + closing },
    { name: 'Reserve', kind: 'reserve', from: cut + closing, to: cut + closing + reserve },
  ]
  const request = wait + longestRequest
  const ramp = Math.max(0, settle.min - settle.quiet)
  // The last response that promises keep-alive comes at the end of the ramp.
  const idle = keepAliveCap === 0 ? 0 : Math.min(ramp + keepAliveCap, cut)
  return [
    { name: 'Grace period', parts: budget },
    {
      name: 'Clients are told to leave',
      parts: [
        { name: 'More and more responses say Connection: close', kind: 'ramp', from: 0, to: ramp },
        { name: 'All responses say Connection: close', kind: 'idle', from: ramp, to: cut },
      ],
    },
    {
      name: 'Idle connections',
      parts: [{ name: 'Idle connections are kept, at most', kind: 'idle', from: 0, to: idle }],
    },
    {
      name: 'The longest request, if it comes last',
      parts: [
        { name: 'The longest request', kind: 'longest', from: wait, to: Math.min(request, cut) },
        { name: 'Cut from the longest request', kind: 'cut', from: cut, to: Math.max(request, cut) },
      ],
    },
  ].map(({ name, parts }) => ({ name, parts: (parts as Part[]).filter(({ from, to }) => to > from) }))
}

function lateOf(times: Times, options: TimeOptions, longestSeconds: number): string | undefined {
  const { gracePeriod, closing, reserve } = times
  const wait = waitOf(times)
  const room = gracePeriod - closing - reserve - wait
  if (longestSeconds * 1000 <= room) return undefined
  return (
    `A request that comes in the last moment of the wait has ${inSeconds(Math.max(0, room))}, and the longest takes ${longestSeconds} s: ` +
    `podrain cuts it. A grace period of ${graceSecondsFor(wait, longestSeconds * 1000, options)} s is long enough.`
  )
}

/** `1.5 s` */
export function inSeconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(3))} s`
}

function codeOf(options: TimeOptions): string {
  const written = (value: unknown): string =>
    typeof value === 'object'
      ? `{ ${Object.entries(value as object)
          .map(([key, inner]) => `${key}: ${written(inner)}`)
          .join(', ')} }`
      : typeof value === 'string'
        ? `'${value}'`
        : String(value)
  const lines = Object.entries(options).map(([name, value]) => `  ${name}: ${written(value)},\n`)
  return lines.length === 0 ? '{} // the defaults' : `{\n${lines.join('')}}`
}

/** The part of a Deployment that the times are about. */
function manifestOf({ gracePeriod, behind }: Times): string {
  const seconds = gracePeriod / 1000
  const balancer = behind === 'kube-proxy' ? '' : `            - { name: PODRAIN_BEHIND, value: ${behind} }\n`
  return `spec:
  template:
    spec:
      terminationGracePeriodSeconds: ${seconds}
      containers:
        - name: web
          env:
            - { name: TERMINATION_GRACE_PERIOD_SECONDS, value: "${seconds}" }
${balancer}          lifecycle:
            preStop: { httpGet: { path: /prestop, port: 8080 } }
          readinessProbe:
            httpGet: { path: /readyz, port: 8080 }
            periodSeconds: 1
          livenessProbe:
            httpGet: { path: /livez, port: 8080 }
`
}

function settingOf({ gracePeriod, platform }: Times): string {
  const { setting } = platforms[platform]
  const comment = setting === undefined ? '' : `# the same as \`${setting}\` of ${platform}\n`
  return `${comment}TERMINATION_GRACE_PERIOD_SECONDS=${gracePeriod / 1000}\n`
}
