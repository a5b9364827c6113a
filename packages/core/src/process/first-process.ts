import { readFileSync } from 'node:fs'
import path from 'node:path'

const shells = ['sh', 'bash', 'dash', 'ash', 'zsh', 'busybox']
const managers = ['npm', 'npx', 'pnpm', 'pnpx', 'yarn', 'yarnpkg', 'corepack']

/**
 * Says what is wrong with the first process of the container, to which the kubelet sends its signals, if that is not this
 * one and is known not to pass them on reliably: a shell waits for its child and ignores SIGTERM meanwhile, and package
 * managers put a shell in between or exit before their child.
 *
 * @param commandLine what /proc/1/cmdline holds: arguments, each followed by a NUL
 */
export function describeFirstProcess(commandLine: string): string | undefined {
  const [command = '', script = ''] = commandLine.split('\0')
  // npm rewrites its command line: `npm start`, without a NUL.
  const name = nameOf(command.split(' ')[0] ?? '')
  const isNode = name === 'node' || name === 'nodejs'
  const culprit = [isNode ? nameOf(script) : name].find((found) => shells.includes(found) || managers.includes(found))
  if (culprit === undefined) return undefined
  return (
    `process 1 of the container is ${culprit}, which does not pass SIGTERM on reliably: the kubelet would kill this process ` +
    'without a drain. Start node itself, CMD ["node", "server.js"] in the Dockerfile, or `exec node server.js` in a script'
  )
}

/** The same of the container this process runs in. */
export function warningOfFirstProcess(): string | undefined {
  if (process.pid === 1) return undefined
  try {
    return describeFirstProcess(readFileSync('/proc/1/cmdline', 'utf8'))
  } catch {
    return undefined // no /proc, or not ours to read
  }
}

/** `/usr/bin/npm`, `npm-cli.js`, `pnpm.cjs`, `-sh` (a login shell). */
function nameOf(file: string): string {
  return path
    .basename(file)
    .replace(/^-/, '')
    .replace(/(-cli)?\.(?:[cm]?js)$/, '')
}
