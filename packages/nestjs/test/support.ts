import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { join } from 'node:path'
import { buildSync } from 'esbuild'

import { App, type Reply } from '../../auto/test/support.js'
import type { Exit } from '../../core/test/running-process.js'

const folder = join(__dirname, '..')
const compiled = join(folder, 'node_modules', '.cache', 'podrain-fixtures')

/** The versions of NestJS, each with the folder from which Node finds it. */
const homes = { 10: join(__dirname, 'nest10'), 11: join(__dirname, 'nest11'), 12: folder } as const
export type Version = keyof typeof homes
export const versions = Object.keys(homes).map(Number) as Version[]

/** Compiles the applications like a Nest project, with decorators and their metadata. */
export function compile(): void {
  const compiler = join(folder, '..', '..', 'node_modules', '.bin', 'tsc')
  execFileSync(compiler, ['-p', join(__dirname, 'fixtures'), '--outDir', compiled], { stdio: 'inherit' })
  for (const version of versions) {
    // Bundled with podrain, because Node looks for the peers of a linked package in that package's own folder.
    buildSync({
      entryPoints: [join(compiled, 'app.js')],
      alias: { '@podrain/nestjs': join(folder, 'dist', 'index.js') },
      outfile: fileOf(version),
      bundle: true,
      platform: 'node',
      external: ['@nestjs/*', 'rxjs', 'reflect-metadata'],
    })
  }
}

function fileOf(version: Version): string {
  return join(homes[version], 'node_modules', '.cache', 'podrain-app.cjs')
}

export interface Setup {
  readonly platform: 'express' | 'fastify'
  readonly env?: Record<string, string>
}

export async function serve(version: Version, { platform, env = {} }: Setup): Promise<App> {
  const app = new App([fileOf(version)], { PLATFORM: platform, ...env })
  await app.listening()
  return app
}

/** Sends a request on a connection of its own. Returns the response as soon as it begins. */
export async function open(
  port: number,
  path: string,
  headers: Record<string, string> = {},
  host = '127.0.0.1',
): Promise<IncomingMessage> {
  const [response] = await once(requestHttp({ host, port, path, headers, agent: false }).end(), 'response')
  return response.setEncoding('utf8')
}

async function textOf(stream: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += chunk
  return text
}

/** One request on a connection of its own. */
export async function ask(...request: Parameters<typeof open>): Promise<Reply> {
  const response = await open(...request)
  return { status: response.statusCode, body: await textOf(response) }
}

/** A user that the guard admits. */
export const user = { 'x-user': 'somebody' }

/** Sends SIGTERM during a request. Returns the response, the response to a probe during the drain, and the exit of the process. */
export async function terminateWithRequest(app: App): Promise<{ ready: unknown[]; reply: Reply; exit: Exit }> {
  const ready = [(await ask(app.port, '/readyz')).status]
  const asked = ask(app.port, '/api/v1/held', user)
  asked.catch(() => {})
  await app.line(/^held$/)
  app.process.kill('SIGTERM')
  await app.line(/podrain: draining because of SIGTERM/)
  ready.push((await ask(app.port, '/readyz')).status)
  app.process.send('answer')
  return { ready, reply: await asked, exit: await app.exit }
}

/** The lines of the application about its requests and its shutdown, in order. */
export function courseOf(app: App): string[] {
  return app.lines.filter((line) => /^(hook: |answering)/.test(line)).map((line) => line.replace('hook: ', ''))
}
