import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const folder = path.join(__dirname, '../../servers')

/** A server in its own process. */
export interface Stranger {
  readonly name: string
  /** How the server ends, so that a reader can judge whether the comparison is fair. */
  readonly wired: string
  readonly command: readonly string[]
  /** Additional flags. */
  readonly flags?: readonly string[]
  /** The command that prints the version. */
  readonly version: readonly string[]
  /** Returns the command that builds the server into a directory; undefined if it needs no build. */
  readonly build?: (directory: string) => readonly string[]
}

/** Where all serve what, and the times of all: about a sixth of those of Kubernetes. */
export const flags: readonly string[] = [
  ...['--grace', '5s', '--settle', '800ms'],
  ...['--slow', '/slow?ms={ms}', '--stream', '/stream?ms={ms}', '--big', '/big', '--upload', '/upload'],
]

/** A preStop hook that sleeps for as long as load balancers need. */
const sleeps: readonly string[] = ['--sleep', '800ms']
const webSocket: readonly string[] = ['--websocket', '/socket']

function onNode(file: string): Pick<Stranger, 'command' | 'flags' | 'version'> {
  const command = ['node', path.join(folder, 'node', `${file}.mjs`)]
  return { command, flags: webSocket, version: ['node', '--version'] }
}

const go: Omit<Stranger, 'name' | 'wired'> = {
  command: ['{built}/server'],
  version: ['go', 'version'],
  build: (directory) => ['go', 'build', '-o', `${directory}/server`, path.join(folder, 'go/main.go')],
}

const uvicorn = ['/usr/bin/python3', '-m', 'uvicorn']
const gunicorn = ['/usr/bin/python3', '-m', 'gunicorn']
const python = path.join(folder, 'python')

/** All servers, in the order of the table. */
export const strangers: readonly Stranger[] = [
  { name: 'podrain on node:http', wired: '`drainServer(server, options)`.', ...onNode('podrain-node') },
  { name: 'podrain on Express 5', wired: '`app.use(drain(options))`.', ...onNode('podrain-express') },
  { name: 'podrain on Fastify 5', wired: '`app.register(gracefulShutdown, options)`.', ...onNode('podrain-fastify') },
  { name: 'podrain on Koa 3', wired: '`app.use(drain(options))`.', ...onNode('podrain-koa') },
  {
    name: 'podrain on node:http2',
    wired: '`drainServer(server, options)`, h2c.',
    ...onNode('podrain-http2'),
    flags: [],
  },
  { name: 'server.close()', wired: '`process.on("SIGTERM", () => server.close())`.', ...onNode('close') },
  {
    name: 'server.close() after a sleep',
    wired: 'The same behind a preStop hook that sleeps.',
    ...onNode('close'),
    flags: [...webSocket, ...sleeps],
  },
  {
    name: 'server.close() on node:http2',
    wired: '`server.close()` and `session.close()` for each session at SIGTERM, h2c.',
    ...onNode('close-http2'),
    flags: [],
  },
  {
    name: 'http-terminator',
    wired: '`await terminator.terminate()` at SIGTERM, `gracefulTerminationTimeout` 4.5 s, then `process.exit(0)`.',
    ...onNode('http-terminator'),
  },
  {
    name: '@godaddy/terminus',
    wired: '`createTerminus(server, { beforeShutdown: 800 ms, useExit0: true, timeout: 3700 })`.',
    ...onNode('terminus'),
  },
  {
    name: 'Go, http.Server',
    wired:
      '`server.Shutdown(context.Background())` at SIGTERM, as its documentation advises. `Shutdown` waits 5 s for a connection ' +
      'that has not sent a whole request head. Here 5 s are the whole grace period. At the defaults of the command, a grace ' +
      'period of 30 s and a wait of 5 s, Go keeps the four sentences about such connections.',
    ...go,
  },
  { name: 'Go, http.Server after a sleep', wired: 'The same behind a preStop hook that sleeps.', ...go, flags: sleeps },
  {
    name: 'Python, uvicorn',
    wired: 'An ASGI application; uvicorn handles SIGTERM itself.',
    command: [...uvicorn, '--app-dir', python, '--port', '{port}', '--log-level', 'warning', 'asgi:app'],
    version: [...uvicorn, '--version'],
  },
  {
    name: 'Python, gunicorn',
    wired: 'A WSGI application on one worker of 16 threads, `--graceful-timeout 4`; gunicorn handles SIGTERM itself.',
    command: [
      ...[...gunicorn, '--chdir', python, '--bind', '127.0.0.1:{port}', '--log-level', 'warning'],
      ...['--worker-class', 'gthread', '--threads', '16', '--graceful-timeout', '4', 'wsgi:app'],
    ],
    version: [...gunicorn, '--version'],
  },
  {
    name: 'Python, http.server',
    wired: '`ThreadingHTTPServer`, `server.shutdown()` from a thread at SIGTERM.',
    command: ['python3', path.join(python, 'stdlib.py')],
    version: ['python3', '--version'],
  },
]

/** The first line of the output of `version`; undefined if the command fails. */
export function versionOf({ version: [program = '', ...args] }: Stranger): string | undefined {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' })
  return status === 0 ? stdout.trim().split('\n')[0] : undefined
}

/** Builds a server if necessary, and returns the command that starts it. */
export function commandOf({ command, build }: Stranger): readonly string[] {
  if (!build) return command
  const directory = mkdtempSync(path.join(tmpdir(), 'podrain-'))
  const [program = '', ...args] = build(directory)
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
  return command.map((word) => word.replace('{built}', directory))
}
