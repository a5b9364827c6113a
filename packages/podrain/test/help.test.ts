import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { resolveOptions } from '@podrain/rehearsal'
import { describe, expect, test } from 'vitest'
import { flagGroups, inFlags, optionsOf } from '../src/flags.js'
import { bin, podrain, start } from './support.js'

const flags = flagGroups.flatMap((group) => group.flags)
const { version } = JSON.parse(readFileSync(join(__dirname, '..', 'package.json'), 'utf8'))

/** What a person gets to read, without the line breaks that a terminal's width makes. */
const unfolded = (text: string) => text.replace(/\s+/g, ' ')

describe.concurrent('the help', () => {
  test('of podrain names every command, and says how to begin', async () => {
    const { code, stdout } = await podrain(['--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ {2}rehearse /m)
    expect(stdout).toMatch(/^ {2}compare /m)
    expect(stdout).toMatch(/^ {2}lint /m)
    expect(stdout).toMatch(/^ {2}manifest /m)
    expect(stdout).toMatch(/^ {2}policy /m)
    expect(stdout).toMatch(/^ {2}drains /m)
    expect(stdout).toContain('podrain rehearse -- node server.js')
  })

  test('is shown when nothing is asked, which is wrong usage', async () => {
    const { code, stdout, stderr } = await podrain([])
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain('podrain rehearse -- node server.js')
  })

  test('of rehearse has every flag, examples and exit codes', async () => {
    const [asked, flagged] = await Promise.all([podrain(['help', 'rehearse']), podrain(['rehearse', '--help'])])
    expect(asked).toEqual(flagged)
    expect(asked.code).toBe(0)
    const text = unfolded(asked.stdout)
    for (const { option } of flags) expect(text).toContain(unfolded(`${option.flags} ${option.description}`))
    expect(text).toContain('Usage: podrain rehearse [options] -- command [args…]')
    expect(text.match(/podrain rehearse .*? -- /g)?.length).toBeGreaterThanOrEqual(3)
    for (const code of [0, 1, 2]) expect(asked.stdout).toMatch(new RegExp(`^  ${code}  `, 'm'))
  })

  test('of lint says how to begin, and what the exit codes mean', async () => {
    const { code, stdout } = await podrain(['help', 'lint'])
    expect(code).toBe(0)
    expect(stdout).toContain('podrain lint k8s/')
    for (const each of [0, 1, 2]) expect(stdout).toMatch(new RegExp(`^  ${each}  `, 'm'))
  })

  test('ends in order where nobody reads it to its end', async () => {
    const { child, done } = start(['--help'])
    child.stdout.destroy()
    expect(await done).toMatchObject({ code: 0, stderr: '' })
  })

  test.for(['--help', 'lint --rules'])('that a full disk loses is an error: podrain %s', async (words, { skip }) => {
    skip(!existsSync('/dev/full'), 'needs /dev/full')
    const script = `exec "$0" "$1" ${words} >/dev/full`
    const ran = promisify(execFile)('sh', ['-c', script, process.execPath, bin])
    const stderr = 'error: stdout was not written: ENOSPC: no space left on device, write\n'
    await expect(ran).rejects.toMatchObject({ code: 2, stderr })
  })

  test('says the version', async () => {
    expect((await podrain(['--version'])).stdout).toBe(`${version}\n`)
  })
})

/** A flag's default as the help tells it, read as if it had been typed. */
function toldDefault(text: string): string | undefined {
  return /\(default: (\S+)\)$/.exec(text)?.[1]
}

/** What these flags mean, each given with these texts. */
function given(texts: Readonly<Record<string, readonly string[]>>, manifest: Parameters<typeof optionsOf>[1] = {}) {
  const kept = flags.flatMap(({ option }) => {
    const name = option.attributeName()
    if (texts[name] === undefined) return []
    return [[name, texts[name].reduce<unknown>((before, text) => option.parseArg?.(text, before), undefined)]]
  })
  return optionsOf(Object.fromEntries(kept), manifest)
}

describe('a flag', () => {
  // Some flags go with a proxy only.
  const base = { command: 'node', requests: { get: '/' }, through: 'proxy' } as const
  const plan = resolveOptions(base)
  const told = flags.flatMap(({ option, sets }) => {
    const text = toldDefault(option.description)
    return text === undefined || text === 'here' ? [] : [{ option, sets, text }]
  })

  test.each(told)('$option.long has the default that the help tells', ({ option, sets, text }) => {
    const given = { [option.attributeName()]: option.parseArg?.(text, undefined) }
    const options = optionsOf(given) as Record<string, unknown>
    const at = (root: unknown) => sets.split('.').reduce((value, key) => (value as Record<string, unknown>)[key], root)
    // A percentage of pods is a number in the plan.
    const resolved = resolveOptions({ ...base, ...options })
    expect(at(resolved)).toEqual(at(plan))
  })

  test('has a default in the help if the engine has one', () => {
    expect(told.length).toBeGreaterThan(15)
  })

  test('that is given again wins, but for what adds up', () => {
    const options = given({ replicas: ['2', '5'], env: ['A=1', 'B=x=y'], ready: ['/up'], readyPeriod: ['2s'] })
    expect(options).toEqual({
      replicas: 5,
      env: { A: '1', B: 'x=y' },
      readinessProbe: { path: '/up', periodSeconds: 2 },
    })
  })

  test('for a path that is given twice is an error that names the way to send several requests', () => {
    expect(() => given({ get: ['/orders', '/users'] })).toThrow(
      '`--get` is given 2 times (/orders, /users): it takes one path. To send several requests, list them in a file and pass `--requests FILE`',
    )
  })

  test.for([
    ['prestopHeader', 'X-Token: a', { preStop: { httpGet: { path: '/bye', httpHeaders: { 'X-Token': 'a' } } } }],
    ['prestop', 'sleep:5s', { preStop: { sleep: { seconds: 5 } } }],
    ['ready', ':9000/up', { readinessProbe: { path: '/up', port: 9000, periodSeconds: 3 } }],
    ['ready', '/up', { readinessProbe: { path: '/up', periodSeconds: 3 } }],
    ['env', 'B=2', { env: { A: '1', B: '2' } }],
  ] as const)('%s %s goes over what a manifest says', ([name, text, expected]) => {
    const manifest = {
      preStop: { httpGet: { path: '/bye' } },
      readinessProbe: { exec: ['cat', '/tmp/ready'], port: 8000, periodSeconds: 3 },
      env: { A: '1' },
    }
    expect(given({ [name]: [text] }, manifest)).toEqual({ ...manifest, ...expected })
  })

  test.each([
    ['/up', { path: '/up' }],
    [':9000/up', { path: '/up', port: 9000 }],
    ['https:/up', { path: '/up', scheme: 'HTTPS' }],
    ['https:9000/up', { path: '/up', port: 9000, scheme: 'HTTPS' }],
    ['tcp', { path: null }],
    ['grpc', { grpc: {} }],
    ['grpc:9000', { grpc: { port: 9000 } }],
    ['grpc:9000/shop.Offers', { grpc: { port: 9000, service: 'shop.Offers' } }],
  ])('--ready %s is another probe, with the times of the one in the manifest', (text, probe) => {
    const exec = { exec: ['cat', '/tmp/ready'], periodSeconds: 7 }
    expect(given({ ready: [text] }, { readinessProbe: exec })).toEqual({
      readinessProbe: { ...probe, periodSeconds: 7 },
    })
  })

  test('--grpc needs no method, and takes one', () => {
    const [grpc] = flags.flatMap(({ option }) => (option.long === '--grpc' ? [option] : []))
    expect(grpc).toMatchObject({ optional: true, presetArg: '/grpc.health.v1.Health/Check' })
    const options = given({
      grpc: ['/shop.Offers/Get'],
      grpcMessage: ['CgNhYmM='],
      grpcMetadata: ['authorization: secret', 'tenant: 7'],
    })
    expect(options).toEqual({
      requests: {
        grpc: '/shop.Offers/Get',
        grpcCall: { message: 'CgNhYmM=', metadata: { authorization: 'secret', tenant: '7' } },
      },
    })
  })

  test('replaces the option in a message of the engine, but not in the output of the app', () => {
    expect(inFlags('only `requests.mix` can send one', {})).toBe('only `--requests FILE` can send one')
    expect(inFlags('Check `requests`. Its last output:\nbad `port`', {})).toBe(
      'Check `--get`. Its last output:\nbad `port`',
    )
  })
})
