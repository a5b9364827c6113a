import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { request as requestHttp } from 'node:http'
import { connect } from 'node:http2'
import { request as requestHttps } from 'node:https'
import { join } from 'node:path'
import { transformSync } from 'esbuild'
import { afterAll } from 'vitest'
import { platformVariables } from '../../core/src/shared/platform.js'
import { type Exit, RunningProcess } from '../../core/test/running-process.js'

/** The folder of the package. Here Node resolves the package's own name, as that of an installed package. */
export const folder = join(__dirname, '..')
const fixtures = join(__dirname, 'fixtures')

/** The path of an application. */
export function fixture(name: string): string {
  return join(fixtures, name)
}

/** A folder for files that tests write. Node finds the packages from there. */
export function scratch(name: string): string {
  const path = join(folder, 'node_modules', '.cache', name)
  mkdirSync(path, { recursive: true })
  return path
}

/** The flags for the preload. */
export const preload = ['--import', '@podrain/auto']

/** An environment without a platform and without options. */
function environment(own: Record<string, string>): NodeJS.ProcessEnv {
  const left = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('PODRAIN_') && !platformVariables.includes(name),
  )
  return { ...Object.fromEntries(left), NODE_ENV: 'production', ...own }
}

/** The processes of all tests. They end together, because the tests run at the same time. */
const running = new Set<ChildProcess>()
afterAll(() => {
  for (const child of running) child.kill('SIGKILL')
})

/** A process of its own. */
export class App extends RunningProcess {
  /** @param args The arguments of `node`. */
  constructor(args: readonly string[], env: Record<string, string> = {}) {
    const stdio = ['ignore', 'pipe', 'pipe', 'ipc'] as const
    super(spawn(process.execPath, args, { cwd: folder, env: environment(env), stdio: [...stdio] }))
    running.add(this.process)
  }

  /** Starts an application with the preload, and waits until it listens. */
  static async serve(args: readonly string[], env?: Record<string, string>): Promise<App> {
    const app = new App([...preload, ...args], env)
    await app.listening()
    return app
  }
}

export interface Reply {
  readonly status: number | undefined
  readonly body: string
}

/** One request on a connection of its own. */
export async function ask(port: number, path: string, kind = 'http'): Promise<Reply> {
  const encrypted = kind === 'https' || kind === 'http2 with TLS'
  const origin = `${encrypted ? 'https' : 'http'}://127.0.0.1:${port}`
  if (kind.startsWith('http2')) {
    const session = connect(origin, { rejectUnauthorized: false })
    const stream = session.request({ ':path': path })
    const [headers] = await once(stream, 'response')
    const body = await textOf(stream)
    session.close()
    return { status: headers[':status'], body }
  }
  const request = encrypted ? requestHttps : requestHttp
  const sent = request(`${origin}${path}`, { rejectUnauthorized: false, agent: false }).end()
  const [response] = await once(sent, 'response')
  return { status: response.statusCode, body: await textOf(response) }
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = ''
  for await (const chunk of stream.setEncoding('utf8')) text += chunk
  return text
}

/** Sends SIGTERM during a request. Returns the response, and the exit of the process. */
export async function terminateWithRequest(app: App, kind = 'http'): Promise<{ reply: Reply; exit: Exit }> {
  const asked = ask(app.port, '/held', kind)
  asked.catch(() => {})
  await app.line(/^held$/)
  app.process.kill('SIGTERM')
  await app.line(/^podrain.*: draining because of SIGTERM/)
  app.process.send('answer')
  return { reply: await asked, exit: await app.exit }
}

export const answered = { reply: { status: 200, body: 'answered' }, exit: [0, null] }

/** Source text as a CommonJS module. */
export function asCommonjs(source: string): string {
  return transformSync(source, { format: 'cjs', platform: 'node' }).code.replaceAll('.mjs', '.cjs')
}
