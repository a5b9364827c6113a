import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { directory, podrain } from './support.js'

/** A pod whose hook is misspelt; what its annotation says stands in quotes that go on at the margin. */
const manifest = `apiVersion: v1
kind: Pod
metadata: { name: web, annotations: { text: 'Äpfel
und Birnen' } }
spec: { containers: [{ name: web, image: web:1, lifecycle: { prestop: { sleep: { seconds: 5 } } } }] }
`
const template = 'apiVersion: v1\nkind: Service\nmetadata: { name: {{ .Values.name }} }\n'

/** A file with these bytes, in a directory of its own. */
async function file(content: string | Buffer, name = 'web.yaml'): Promise<string> {
  const at = join(await directory(), name)
  await writeFile(at, content)
  return at
}

describe.concurrent('podrain lint reads what kubectl reads', () => {
  test('in UTF-16, and --fix writes that again', async () => {
    const bytes = (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le')
    const at = await file(bytes(manifest))
    const { stderr, stdout } = await podrain(['lint', at, '--fix'])
    expect(stderr).toBe(`fixed ${at}\n`)
    expect(stdout).toBe('Nothing found in 1 document.\n')
    expect(await readFile(at)).toEqual(bytes(manifest.replace('prestop', 'preStop')))
  })

  test('with bytes that are no UTF-8, but --fix does not write such a file', async () => {
    const bytes = Buffer.from(manifest, 'latin1')
    const at = await file(bytes)
    const { code, stderr, stdout } = await podrain(['lint', at, '--fix'])
    expect(stderr).toBe(`not fixed ${at}: some of its bytes are not UTF-8. Save it as UTF-8 first\n`)
    expect(stdout).toContain('1 error in 1 document.')
    expect(code).toBe(1)
    expect(await readFile(at)).toEqual(bytes)
  })

  test('and names the character of another keyboard where it cannot', async () => {
    const at = await file(`${manifest}---\nargs: ["a"，"b"]\n`)
    const { code, stderr } = await podrain(['lint', at])
    expect(stderr).toMatch(/web\.yaml:7:\d+: .*`，` \(U\+FF0C\) is a letter to YAML: write `,`\n$/)
    expect(code).toBe(2)
  })
})

describe.concurrent('podrain lint is not silent about what it skips', () => {
  test('in a directory: a template, and settings with comments, and neither ends it', async () => {
    const at = await directory()
    await mkdir(join(at, '.vscode'))
    await writeFile(
      join(at, '.vscode/tasks.json'),
      '{\n  "group": { "kind": "build" } // the one: "kind"\n  , "b": {}\n}\n',
    )
    await writeFile(join(at, 'service.yaml'), template)
    await writeFile(join(at, 'web.yaml'), manifest.replace('prestop', 'preStop'))
    const { code, stderr, stdout } = await podrain(['lint', at])
    expect(stderr).toBe('')
    expect(stdout).toContain(`skipped ${join(at, '.vscode/tasks.json')}:`)
    expect(stdout).toContain(`skipped ${join(at, 'service.yaml')}:1 a template with \`{{ }}\`, as of Helm: `)
    expect(stdout).toMatch(/Nothing found in 1 document; 2 things skipped\.\n$/)
    expect(code).toBe(0)
  })

  test('fails a run in which nothing could be judged', async () => {
    const { code, stdout } = await podrain(['lint', await file(template)])
    expect(stdout).toMatch(/There is no pod in 0 documents; 1 thing skipped: nothing was judged\.\n$/)
    expect(code).toBe(2)
  })
})

describe.concurrent('podrain lint --kubernetes', () => {
  const right = manifest.replace('prestop', 'preStop')

  test('judges for a version, which the config file may say as well', async () => {
    const [at, config] = [await file(right), await file('lint: { kubernetes: "1.28" }\n', 'podrain.yaml')]
    const said = 'Kubernetes 1.28 has no `sleep` in a hook: it came with 1.29.'
    const [flag, inFile, newer] = await Promise.all([
      podrain(['lint', at, '--kubernetes', 'v1.28.9']),
      podrain(['lint', at, '--config', config]),
      podrain(['lint', at, '--config', config, '--kubernetes', '1.30']),
    ])
    expect(flag).toMatchObject({ code: 1, stdout: expect.stringContaining(said) })
    expect(inFile).toMatchObject({ code: 1, stdout: expect.stringContaining(said) })
    expect(newer).toMatchObject({ code: 0 })
  })

  test.each([
    [['--kubernetes', 'latest'], 'Expected `--kubernetes` to be a version such as 1.29, got `latest`'],
    [['--config', 'kubernetes: 1.30'], 'Expected `kubernetes` to be a version in quotes such as "1.29", got `1.3`'],
  ])('takes nothing else: %j', async ([flag = '', value = ''], message) => {
    const given = flag === '--config' ? await file(`lint: { ${value} }\n`, 'podrain.yaml') : value
    const { code, stderr } = await podrain(['lint', await file(right), flag, given])
    expect(stderr).toContain(message)
    expect(code).toBe(2)
  })
})
