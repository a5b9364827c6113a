import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { resolveOptions } from '@podrain/rehearsal'
import { describe, expect, test } from 'vitest'
import { flagGroups, inFlags, optionsOf } from '../src/flags.js'
import { podrain } from './support.js'

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

  test('says the version', async () => {
    expect((await podrain(['--version'])).stdout).toBe(`${version}\n`)
  })
})

/** A flag's default as the help tells it, read as if it had been typed. */
function toldDefault(text: string): string | undefined {
  return /\(default: (\S+)\)$/.exec(text)?.[1]
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
    const given = Object.fromEntries(
      flags.flatMap(({ option }) => {
        const texts = { replicas: ['2', '5'], env: ['A=1', 'B=x=y'], ready: ['/up'], readyPeriod: ['2s'] }[
          option.attributeName()
        ]
        return texts === undefined
          ? []
          : [
              [
                option.attributeName(),
                texts.reduce<unknown>((before, text) => option.parseArg?.(text, before), undefined),
              ],
            ]
      }),
    )
    expect(optionsOf(given)).toEqual({
      replicas: 5,
      env: { A: '1', B: 'x=y' },
      readinessProbe: { path: '/up', periodSeconds: 2 },
    })
  })

  test('is what the engine means, but not where the app speaks', () => {
    expect(inFlags('Check `requests`. Its last output:\nbad `port`', {})).toBe(
      'Check `--get`. Its last output:\nbad `port`',
    )
  })
})
