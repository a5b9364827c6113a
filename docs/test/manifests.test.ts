import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { blocksOf, pages, root } from './pages.js'

test('podrain lint finds nothing in the manifests of README.md, Start, the guides and the packages', () => {
  const shown = pages.filter((page) =>
    /^(?:README\.md|docs\/(?:start|guides)\/.*|packages\/[a-z]+\/README\.md)$/.test(page),
  )
  const manifests = shown
    .flatMap(blocksOf)
    .filter(({ language, code }) => language === 'yaml' && /^spec:\n {2}template:|^kind: Deployment/m.test(code))
    // Most show the pod's part of a Deployment only.
    .map(({ code }, n) => {
      const head = code.startsWith('spec:') ? 'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\n' : ''
      return `${head}${code}`.replace('name: web', `name: web-${n}`)
    })
  expect(manifests.length).toBeGreaterThan(8)
  const lint = spawnSync(process.execPath, [join(root, 'packages/podrain/dist/main.js'), 'lint', '-'], {
    input: manifests.join('---\n'),
    encoding: 'utf8',
  })
  expect(lint.stdout).toBe(`Nothing found in ${manifests.length} documents.\n`)
})
