import { describe, expect, test } from 'vitest'
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
  ])('that passes signals on, or is none of our business, is not: %j', (line) => {
    expect(describeFirstProcess(line)).toBeUndefined()
  })
})
