import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { type PathName, type Paths, pathsFor, type Server, type Signal, signals } from '../black-box/server.js'
import { heldFor } from '../black-box/stage.js'
import type { RequestHeaders } from '../requests.js'
import { early } from '../stage.js'
import { addHeader } from './header.js'

export interface Flags {
  readonly jobs: number
  readonly sentence?: string
  readonly json?: string
  readonly color: boolean
}

type Given = Flags &
  Paths & {
    readonly header: RequestHeaders
    readonly signal: Signal
    readonly grace: number
    readonly settle: number
    readonly sleep: number
    readonly startupTimeout: number
    readonly port?: number
  }

/** The descriptions of the paths, in the order of the help. */
const paths: Readonly<Record<PathName, string>> = {
  get: 'an ordinary GET, without side effects',
  slow: 'responds after {ms} milliseconds, unless its client hangs up: "/slow?ms={ms}"',
  stream: 'sends its first bytes immediately, and ends after {ms} milliseconds: "/feed?ms={ms}"',
  big: 'responds with 8 MiB or more',
  upload: 'reads the body of a POST, and responds',
  websocket: 'accepts a WebSocket',
  ready: 'the path of the readiness probe',
  live: 'the path of the liveness probe',
  prestop: 'the path of the preStop hook',
}

const help = `
The server must listen on the port in PORT, or on {port} in its command. It is started anew for every sentence.
A sentence that needs a path without its flag is not tested, and not counted.

Examples:
  podrain-contract -- node server.js
  podrain-contract --get /orders --slow "/slow?ms={ms}" --ready /readyz -- ./server -addr 127.0.0.1:{port}
  podrain-contract --sleep 5s -- python3 -m uvicorn app:app --port {port}

Exit codes:
  0  every tested sentence is kept
  1  a sentence is broken
  2  wrong usage, the command is not a server, or no sentence could be tested`

/** @param command The words after `--`. */
export function createProgram(
  command: readonly string[],
  onAsked: (server: Server, flags: Flags) => Promise<void>,
): Command {
  const program = new Command('podrain-contract')
    .description(
      'Tests how any HTTP server, in any language, ends after SIGTERM or another signal, as its clients and the kubelet see it.',
    )
    .usage('[options] -- command [args…]')
    .version(version(), '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', help)
    .exitOverride()
  program.optionsGroup('Requests to the server:')
  for (const [name, meaning] of Object.entries(paths)) {
    const parse = meaning.includes('{ms}') ? aTimedPath : aPath
    program.addOption(
      new Option(`--${name} <path>`, meaning).argParser(parse).default(name === 'get' ? '/' : undefined),
    )
  }
  program
    .option(
      '--header <name:value>',
      'a header of every request, such as "Host: shop.example"; may be repeated',
      addHeader,
      {},
    )
    .optionsGroup('The signal and its times:')
    .addOption(new Option('--signal <name>', 'the signal that ends the server').choices(signals).default('SIGTERM'))
    .option('--grace <duration>', 'the grace period; the server gets SIGKILL at its end', duration, 30_000)
    .option('--settle <duration>', 'how long the server must accept connections after the signal', duration, 5000)
    .option('--sleep <duration>', 'how long a preStop hook sleeps before the signal', duration, 0)
    .option('--startup-timeout <duration>', 'how long the server may take until it listens', duration, 30_000)
    .optionsGroup('The run:')
    .option('--port <n>', 'the port of a server with a fixed port; one sentence is tested at a time', whole)
    .option('--jobs <n>', 'how many sentences are tested at the same time', whole, 4)
    .option('--sentence <text>', 'test only the sentences that contain this text')
    .option('--json <file>', 'write the result as JSON; - is stdout')
    .option('--no-color', 'no colours; also NO_COLOR=1')
    .argument('[words...]')
    .action(async (words: readonly string[]) => {
      if (words.length > 0 || command.length === 0) {
        const written = command.length > 0 || words.length > 0 ? [...words, ...command].join(' ') : 'node server.js'
        program.error(`error: the command comes after \`--\`: podrain-contract -- ${written}`)
      }
      const given = program.opts<Given>()
      const server = serverOf(command, given)
      if (given.sleep > given.settle) {
        program.error(
          `error: --sleep ${written(given.sleep)} is longer than --settle ${written(given.settle)}: the server accepts while the hook sleeps. Use --settle ${written(given.sleep)}`,
        )
      }
      const [held, end] = [heldFor(server.terms), given.grace * early]
      if (held >= end) {
        program.error(
          `error: --grace ${written(given.grace)} is too short for --settle ${written(given.settle)}: a request in flight takes up to ${written(held)} here, and a server is to end within ${written(end)}`,
        )
      }
      await onAsked(server, { ...given, jobs: given.port === undefined ? given.jobs : 1 })
    })
  for (const option of program.options)
    if (typeof option.defaultValue === 'number' && option.attributeName() !== 'jobs') {
      option.default(option.defaultValue, written(option.defaultValue))
    }
  return program
}

function serverOf(
  command: readonly string[],
  { header, signal, grace, settle, sleep, startupTimeout, port, ...given }: Given,
): Server {
  const names = ['get', ...Object.values(pathsFor)] as const
  const entries = names.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]]))
  return {
    command,
    port,
    paths: Object.fromEntries(entries) as Paths,
    headers: header,
    signal,
    // Clients may use an idle keep-alive connection for half of the time in which the server must accept connections.
    terms: { grace, settle, keepAlive: settle / 2 },
    sleep,
    startup: startupTimeout,
  }
}

function version(): string {
  return JSON.parse(readFileSync(path.join(__dirname, '../../package.json'), 'utf8')).version
}

function aPath(text: string): string {
  if (!text.startsWith('/')) throw new InvalidArgumentError('It takes a path such as /orders.')
  return text
}

function aTimedPath(text: string): string {
  if (!text.includes('{ms}'))
    throw new InvalidArgumentError('It takes a path with {ms} in it, such as "/slow?ms={ms}".')
  return aPath(text)
}

/** A duration such as `500ms` or `30s`, in milliseconds. */
function duration(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text) ?? []
  if (amount === undefined) throw new InvalidArgumentError('It takes a duration such as 500ms or 30s.')
  return Number(amount) * (unit === 's' ? 1000 : 1)
}

function written(milliseconds: number): string {
  return `${milliseconds / 1000}s`
}

function whole(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It takes a whole number from 1.')
  return Number(text)
}
