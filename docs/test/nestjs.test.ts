import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { blocksOf, root } from './pages.js'
import { start } from './program.js'

const folder = join(root, 'packages/nestjs')
const cache = join(folder, 'node_modules', '.cache')
mkdirSync(cache, { recursive: true })
const project = mkdtempSync(join(cache, 'podrain-guide-'))
afterAll(() => rmSync(project, { recursive: true }))

/** What the reader of the guide has already. */
const given = `
interface Report { id: number }
declare class HealthModule {}
declare class DatabaseIndicator { check(): Promise<import('@nestjs/terminus').HealthIndicatorResult> }
`

test('the guide compiles as a project of Nest, and its application answers, drains and exits with 0', async (context) => {
  const snippets = blocksOf('docs/guides/nestjs.md').filter(({ language }) => language === 'ts')
  const files = snippets.map(({ code }, index) => {
    const file = join(project, `snippet-${index}.mts`)
    writeFileSync(file, `import 'reflect-metadata'\n${code}\nexport {}\n`)
    return file
  })
  writeFileSync(join(project, 'given.d.ts'), given)
  const options = {
    target: 'ES2023',
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    strict: true,
    skipLibCheck: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
    paths: { '@podrain/nestjs': [join(folder, 'dist/index.d.ts')] },
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['.'] }))
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', project], { stdio: 'inherit' })

  const code = readFileSync(files[0]?.replace('.mts', '.mjs') ?? '', 'utf8')
  const service = start(context, { code, type: 'module', framework: 'express', folder: 'packages/nestjs' })
  await service.listening()
  const response = await fetch(`http://127.0.0.1:${service.port}/readyz`)
  expect(await response.json()).toMatchObject({ ready: true })
  service.signal('SIGTERM')
  expect([await service.exit, service.output]).toEqual([[0, null], expect.stringContaining('; nothing cut')])
})
