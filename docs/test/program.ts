import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import type { TestContext } from 'vitest'
import { RunningProcess } from '../../packages/core/test/running-process.js'
import { type Block, root } from './pages.js'

/** A program made of a snippet. What it uses and does not declare is in `reader.cjs`. */
export interface Program {
  readonly code: string
  readonly type: 'module' | 'commonjs'
  readonly framework: string
  /** From where all that it imports is found; undefined if no folder of the repository has it all. */
  readonly folder: string | undefined
}

export function programOf({ page, language, code: written }: Block): Program {
  const code = language === 'diff' ? changed(written) : written.replace('export default ', '')
  const framework =
    ['fastify', 'express', 'koa'].find((name) => code.includes(`@podrain/${name}'`) || page.includes(name)) ?? 'express'
  const imported = [...code.matchAll(/(?:from |import |require\()'((?:@[^/']+\/)?[^/']+)/g)].map(
    ([, name = '']) => name,
  )
  return {
    // The usual path of the socket is one for the whole machine.
    code: `${code.replace('controlSocket: true', `controlSocket: '/tmp/podrain-${process.pid}.sock'`)}\n${end(framework, code)}`,
    type: code.includes('require(') ? 'commonjs' : 'module',
    framework,
    folder: folderWith([
      framework,
      ...imported.filter((name) => !/^node:/.test(name) && !builtinModules.includes(name)),
    ]),
  }
}

/** What the reader ends with after a change. */
function changed(code: string): string {
  const kept = code.split('\n').filter((line) => !line.startsWith('-'))
  return kept.map((line) => line.slice(1)).join('\n')
}

/** What a snippet leaves out at its end. */
function end(framework: string, code: string): string {
  if (code.includes('.listen(') || code.includes('new Drain()')) return ''
  if (framework !== 'fastify') return `${code.includes('drain(') ? '' : 'void podrain\n'}app.listen(8080)`
  if (code.includes('function application')) return 'await application(app)\nawait app.listen({ port: 8080 })'
  const registered = code.includes('gracefulShutdown')
  const register = "await app.register((await import('@podrain/fastify')).gracefulShutdown)\n"
  return `${registered ? '' : register}await app.listen({ port: 8080 })`
}

function folderWith(names: readonly string[]): string | undefined {
  const folders = [
    ...readdirSync(join(root, 'examples'), { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [`examples/${entry.name}`] : [],
    ),
    'packages/bench',
  ]
  return folders.find((folder) => {
    const { dependencies = {} } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
    return names.every((name) => name in dependencies)
  })
}

/** Starts it, and ends it with the test. */
export function start(context: TestContext, { code, type, framework, folder = '' }: Program): RunningProcess {
  const args = ['--require', join(__dirname, 'reader.cjs'), `--input-type=${type}`]
  const env = { ...process.env, NODE_ENV: 'production', FRAMEWORK: framework }
  const child = spawn(process.execPath, args, { cwd: join(root, folder), env })
  context.onTestFinished(() => void child.kill('SIGKILL'))
  child.stdin.end(code)
  return new RunningProcess(child)
}
