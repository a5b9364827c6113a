import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { directory, podrain } from './support.js'

const command = ['--', 'node', 'server.js']

describe.concurrent('wrong usage ends with 2 and one message that helps:', () => {
  test.for<[what: string, args: string[], message: string | RegExp]>([
    [
      'nothing at all',
      ['rehearse'],
      'No command. What starts your app comes after `--`:\n  podrain rehearse -- node server.js',
    ],
    ['nothing after --', ['rehearse', '--'], 'No command.'],
    ['a command without --', ['rehearse', 'node', 'server.js'], '`--`:\n  podrain rehearse -- node server.js'],
    ['a command before --', ['rehearse', 'node', '--', 'server.js'], '`--`:\n  podrain rehearse -- node server.js'],
    [
      'an unknown flag',
      ['rehearse', '--replica', '3', ...command],
      "unknown option '--replica'\n(Did you mean --replicas?)",
    ],
    [
      'the flag for a slow response of the other command',
      ['rehearse', '--slow', '/report', ...command],
      'There is no `--slow`: ask for a response that takes its time with `--stream /report`',
    ],
    ["a flag of the app's before --", ['rehearse', 'node', '--inspect', 'x.js'], 'Your command comes after `--`'],
    ['an unknown command', ['rehears', ...command], "unknown command 'rehears'\n(Did you mean rehearse?)"],
    ['a flag without its value', ['rehearse', '--html', ...command], "'--html <file>' argument missing"],
    ['a duration without unit', ['rehearse', '--grace', '30', ...command], 'It needs a unit: 30s or 30ms?'],
    ['no duration', ['rehearse', '--grace', 'long', ...command], 'It takes a duration, such as 500ms, 2s or 1m.'],
    ['no number', ['rehearse', '--replicas', 'three', ...command], 'It takes a number.'],
    [
      'too few pods',
      ['rehearse', '--replicas', '0', ...command],
      'Expected `--replicas` to be a whole number from 1 to 200, got `0`',
    ],
    [
      'a time as it was typed',
      ['rehearse', '--ready-period', '10ms', ...command],
      /`--ready-period` to be .* got `10ms`/,
    ],
    [
      'two flags that exclude each other',
      ['rehearse', '--max-surge', '0', '--max-unavailable', '0', ...command],
      /`--max-unavailable` to be above 0 when `--max-surge` is 0/,
    ],
    [
      'an unknown scenario',
      ['rehearse', '--scenario', 'apocalypse', ...command],
      /`--scenario` to be one of rollout, .*, got `apocalypse`/,
    ],
    [
      'an unknown preset',
      ['rehearse', '--behind', 'nginx', ...command],
      /`--behind` to be one of .*ingress-nginx.*, got `nginx`/,
    ],
    [
      'a lag in the wrong order',
      ['rehearse', '--endpoint-lag', '2s,1s,3s', ...command],
      /`--endpoint-lag` to be .*, got `2s,1s,3s`/,
    ],
    ['half a lag', ['rehearse', '--endpoint-lag', '2s', ...command], 'It takes three durations: MIN,MEDIAN,MAX'],
    [
      'a hook that is no path',
      ['rehearse', '--prestop', 'prestop', ...command],
      'such as /prestop, :9000/prestop or https:/prestop, exec:COMMAND, sleep:5s, or none',
    ],
    [
      'a hook that outlasts nothing',
      ['rehearse', '--scenario', 'overrun', ...command],
      /`--prestop` to be given for the scenario overrun/,
    ],
    [
      'a probe that is no path',
      ['rehearse', '--ready', 'readyz', ...command],
      'such as /readyz, :9000/readyz or https:/readyz, or tcp, grpc or grpc:9000/SERVICE',
    ],
    ['a path with a space', ['rehearse', '--get', '/a b', ...command], /`--get` to be a path .* got `\/a b`/],
    [
      'an unknown kind of client',
      ['rehearse', '--clients', 'browser=3', ...command],
      'It takes KIND=N of keep-alive, new-connection',
    ],
    ['a variable without value', ['rehearse', '--env', 'DEBUG', ...command], 'It takes NAME=value.'],
    ['less than nothing allowed', ['rehearse', '--allow-lost', '-1', ...command], 'It takes a whole number from 0.'],
    ['two sources of requests', ['rehearse', '--get', '/', '--requests', 'x.yaml', ...command], 'cannot be used with'],
    [
      'a file that is not there',
      ['rehearse', '--requests', 'no-such.yaml', ...command],
      /--requests: ENOENT.*no-such\.yaml/,
    ],
    ['logs into a file', ['rehearse', '--logs', __filename, ...command], /`--logs` cannot be written: .* is a file/],
    [
      'two results in one file',
      ['rehearse', '--json', 'a.out', '--junit', './a.out', ...command],
      '`--json` and `--junit` cannot both be written to ./a.out',
    ],
    ['one result', ['compare', 'a.json'], "missing required argument 'after'"],
    ['results that are not there', ['compare', 'no-such.json', 'b.json'], /no-such\.json/],
  ])('%s', async ([, args, message]) => {
    const { code, stdout, stderr } = await podrain(args)
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^error: /)
    if (typeof message === 'string') expect(stderr).toContain(message)
    else expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/\bat .*:\d+:\d+/) // no stack
  })

  test('a result that could not be written is known before anything is started', async () => {
    const results = await directory()
    await mkdir(join(results, 'taken'))
    const { code, stderr } = await podrain(['rehearse', '--html', join(results, 'taken'), ...command])
    expect(code).toBe(2)
    expect(stderr).toBe(`error: \`--html\` cannot be written: ${join(results, 'taken')} is a directory\n`)
  })

  test('a directory that cannot be made is known at once', async ({ skip }) => {
    skip(process.platform !== 'linux', 'takes /proc for a directory in which nobody can make one')
    for (const flag of ['--json', '--logs']) {
      const { code, stderr } = await podrain(['rehearse', flag, '/proc/podrain/x/y', ...command])
      expect(code).toBe(2)
      expect(stderr).toMatch(new RegExp(`^error: \`${flag}\` cannot be written: ENOENT.*'/proc/podrain'`))
    }
  })

  test('a requests file is answered with file, line and column', async () => {
    const file = join(await directory(), 'requests.yaml')
    await writeFile(file, '- path: /work\n- path: /other\n  wieght: 3\n')
    const { code, stderr } = await podrain(['rehearse', '--requests', file, ...command])
    expect(code).toBe(2)
    expect(stderr).toBe(
      `error: ${file}:3:3: Unknown key \`wieght\`; expected one of method, path, headers, body, weight, status\n`,
    )
  })
})
