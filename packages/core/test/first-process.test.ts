import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { describeFirstProcess } from '../src/process/first-process.js'

const commandLine = (...args: string[]): string => args.map((arg) => `${arg}\0`).join('')

describe('the first process of a container', () => {
  test.each([
    ['npm', commandLine('npm start')],
    ['npm', commandLine('npm run start:prod')],
    ['npm', commandLine('node', '/usr/local/bin/npm', 'start')],
    ['npm', commandLine('node', '/usr/local/lib/node_modules/npm/bin/npm-cli.js', 'start')],
    ['pnpm', commandLine('node', '/usr/local/bin/pnpm', 'start')],
    ['pnpm', commandLine('/usr/bin/node', '/opt/pnpm.cjs', 'start')],
    ['yarn', commandLine('node', '/usr/local/bin/yarn', 'start')],
    ['yarn', commandLine('node', '/opt/yarn/bin/yarn.js', 'start')],
    ['npx', commandLine('node', '/usr/local/bin/npx', 'tsx', 'server.ts')],
    ['sh', commandLine('/bin/sh', '-c', 'node server.js')],
    ['npm', commandLine('nodejs', '/usr/share/npm/bin/npm-cli.js', 'start')],
    ['bash', commandLine('bash', './start.sh')],
    ['sh', commandLine('-sh')],
    ['busybox', commandLine('/bin/busybox', 'sh')],
  ])('that is %s is named, with what to write instead: %j', (name, line) => {
    expect(describeFirstProcess(line)).toContain(
      `process 1 of the container is ${name}, which does not pass SIGTERM on`,
    )
    expect(describeFirstProcess(line)).toContain('CMD ["node", "server.js"]')
  })

  test.each([
    commandLine('node', 'server.js'),
    commandLine('node', '--enable-source-maps', 'dist/main.js'),
    commandLine('/usr/bin/tini', '--', 'node', 'server.js'),
    commandLine('dumb-init', 'node', 'server.js'),
    commandLine('/pause'),
    commandLine('/sbin/init'),
    commandLine('/usr/lib/systemd/systemd', '--system'),
    commandLine('/sbin/docker-init', '--', 'npm', 'start'),
    '',
  ])('that passes signals on, or is unknown, is not: %j', (line) => {
    expect(describeFirstProcess(line)).toBeUndefined()
  })
})

describe('a process', () => {
  /** The content of /proc/1/cmdline. undefined if it cannot be read. */
  let first: string | undefined
  const pid = Object.getOwnPropertyDescriptor(process, 'pid') as PropertyDescriptor

  beforeEach(() => {
    vi.resetModules()
    vi.doMock('node:fs', async (load) => ({
      ...(await load<object>()),
      readFileSync(path: string, encoding: string) {
        if (path !== '/proc/1/cmdline' || encoding !== 'utf8' || first === undefined) throw new Error(`ENOENT: ${path}`)
        return first
      },
    }))
    onTestFinished(() => {
      vi.doUnmock('node:fs')
      vi.resetModules()
      Object.defineProperty(process, 'pid', pid)
    })
  })

  test.each([
    ['is warned of npm in front of it', 7, commandLine('npm start'), expect.stringMatching(/^process 1 .* is npm,/)],
    ['is not warned of itself', 1, commandLine('sh'), undefined],
    ['is not warned of an init', 7, commandLine('/sbin/tini', '--', 'node', 'server.js'), undefined],
    ['is not warned where nobody can tell', 7, undefined, undefined],
  ])('%s', async (_what, number, line, warning) => {
    first = line
    Object.defineProperty(process, 'pid', { ...pid, value: number })
    const { warningOfFirstProcess } = await import('../src/process/first-process.js')
    expect(warningOfFirstProcess()).toEqual(warning)
  })
})
