import { type ClientKind, clientKinds, type HttpGet, type PreStop, type Probe, type Scheme } from '@podrain/rehearsal'
import { InvalidArgumentError } from 'commander'
import ms, { type StringValue } from 'ms'

/** `500ms`, `2s` or `1m` in ms. A bare number is refused, because it means seconds in Kubernetes and milliseconds in Node. */
export function duration(text: string): number {
  if (/^\d+$/.test(text)) throw new InvalidArgumentError(`It needs a unit: ${text}s or ${text}ms?`)
  const value = /^[\d.]+ ?[a-z]+$/i.test(text) ? ms(text as StringValue) : undefined
  if (value === undefined) throw new InvalidArgumentError('It takes a duration, such as 500ms, 2s or 1m.')
  return value
}

/** The same for the fields that Kubernetes names in seconds. */
export function seconds(text: string): number {
  return duration(text) / 1000
}

/** A decimal number. The engine checks its range. */
export function number(text: string): number {
  if (!/^-?\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError('It takes a number.')
  return Number(text)
}

/** A whole number from 0. */
export function count(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It takes a whole number from 0.')
  return Number(text)
}

/** A whole number from 1. */
export function positive(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It takes a whole number from 1.')
  return Number(text)
}

/** Any text. The engine checks paths and names. */
export function text(text: string): string {
  return text
}

/** `NAME=value` of an environment. */
export function variable(text: string): Record<string, string> {
  const equals = text.indexOf('=')
  if (equals < 1) throw new InvalidArgumentError('It takes NAME=value.')
  return { [text.slice(0, equals)]: text.slice(equals + 1) }
}

/** A request of the kubelet: `/path`, `:9000/path` for another port than the app's, `https:/path` or `https:9000/path`. */
function address(text: string): HttpGet | undefined {
  const [, scheme, after, alone, path] = /^(?:(https?):(\d+)?|:(\d+))?(\/.*)$/.exec(text) ?? []
  const port = after ?? alone
  if (path === undefined) return undefined
  return {
    path,
    ...(port !== undefined && { port: Number(port) }),
    ...(scheme !== undefined && { scheme: scheme.toUpperCase() as Scheme }),
  }
}

/** Removes the probe's action in the manifest, and keeps its times. */
const instead: object = { path: undefined, port: undefined, scheme: undefined, exec: undefined, grpc: undefined }

/** The readiness probe: `/readyz`, `https:9000/readyz`, `tcp`, which only connects, or `grpc:9000/SERVICE`. */
export function probe(text: string): Partial<Probe> {
  if (text === 'tcp') return { ...instead, path: null }
  const found = address(text)
  if (found !== undefined) return { ...instead, ...found }
  const [call, port, service] = /^grpc(?::(\d+))?(?:\/(.+))?$/.exec(text) ?? []
  if (call === undefined) {
    throw new InvalidArgumentError(
      'It takes a path such as /readyz, :9000/readyz or https:/readyz, or tcp, grpc or grpc:9000/SERVICE.',
    )
  }
  const grpc = { ...(port !== undefined && { port: Number(port) }), ...(service !== undefined && { service }) }
  return { ...instead, grpc }
}

/** A number of pods, or a percentage of them. The engine checks its range. */
export function pods(text: string): number | string {
  return text.endsWith('%') ? text : number(text)
}

/** `Authorization: Bearer secret` */
export function header(text: string): Record<string, string> {
  const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(text) ?? []
  if (name === undefined || value === undefined) throw new InvalidArgumentError('It takes `Name: value`.')
  return { [name]: value }
}

/** The hook: `/prestop`, `https:9000/prestop`, `exec:./bye.sh`, `sleep:5s`, or `none`. */
export function hook(text: string): PreStop | undefined {
  if (text === 'none') return undefined
  if (text.startsWith('exec:')) return { exec: { command: ['sh', '-c', text.slice('exec:'.length)] } }
  if (text.startsWith('sleep:')) return { sleep: { seconds: seconds(text.slice('sleep:'.length)) } }
  const httpGet = address(text)
  if (httpGet === undefined) {
    throw new InvalidArgumentError(
      'It takes a path such as /prestop, :9000/prestop or https:/prestop, exec:COMMAND, sleep:5s, or none.',
    )
  }
  return { httpGet }
}

/** Three durations, such as `126ms,1074ms,1196ms`. */
export function lag(text: string): { min: number; median: number; max: number } {
  const [min, median, max, ...rest] = text.split(',').map(duration)
  if (min === undefined || median === undefined || max === undefined || rest.length > 0) {
    throw new InvalidArgumentError('It takes three durations: MIN,MEDIAN,MAX, such as 100ms,1s,1200ms.')
  }
  return { min, median, max }
}

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** The kinds of client, as the command line spells them. */
export const clientNames: readonly string[] = clientKinds.map(kebab)

/** `keep-alive=16,streaming=0` */
export function clients(text: string): Partial<Record<ClientKind, number>> {
  const counts: Partial<Record<ClientKind, number>> = {}
  for (const part of text.split(',')) {
    const [name = '', amount = ''] = part.split('=')
    const kind = clientKinds[clientNames.indexOf(name)]
    if (kind === undefined || !/^\d+$/.test(amount)) {
      throw new InvalidArgumentError(
        `It takes KIND=N of ${clientNames.join(', ')}; for example keep-alive=16,streaming=0.`,
      )
    }
    counts[kind] = Number(amount)
  }
  return counts
}
