import { readFileSync } from 'node:fs'
import path from 'node:path'

const shells = ['sh', 'bash', 'dash', 'ash', 'zsh', 'busybox']
const managers = ['npm', 'npx', 'pnpm', 'pnpx', 'yarn', 'yarnpkg', 'corepack']

/**
 * Returns a warning if process 1 of the container does not pass signals on reliably. The kubelet signals process 1. A shell ignores
 * SIGTERM while it waits for its child. Package managers put a shell in between, or exit before their child.
 *
 * @param commandLine The content of /proc/1/cmdline: arguments, each followed by a NUL.
 * @returns The warning. undefined if process 1 is not known for that.
 */
export function describeFirstProcess(commandLine: string): string | undefined {
  const [command = '', script = ''] = commandLine.split('\0')
  // npm rewrites its command line to `npm start`, without a NUL.
  const name = nameOf(command.split(' ')[0] ?? '')
  const isNode = name === 'node' || name === 'nodejs'
  const culprit = [isNode ? nameOf(script) : name].find((found) => shells.includes(found) || managers.includes(found))
  if (culprit === undefined) return undefined
  return (
    `process 1 of the container is ${culprit}, which does not pass SIGTERM on reliably: the kubelet would kill this process ` +
    'without a drain. Start node itself, CMD ["node", "server.js"] in the Dockerfile, or `exec node server.js` in a script'
  )
}

/** The same warning, for the container that this process runs in. */
export function warningOfFirstProcess(): string | undefined {
  return process.pid === 1 ? undefined : describeFirstProcess(firstCommandLine())
}

/** The content of /proc/1/cmdline: arguments, each followed by a NUL. Empty if the file cannot be read. */
export function firstCommandLine(): string {
  try {
    return readFileSync('/proc/1/cmdline', 'utf8')
  } catch {
    return '' // no /proc, or not permitted to read it
  }
}

/** The command name of a path such as `/usr/bin/npm`, `npm-cli.js`, `pnpm.cjs` or `-sh` (a login shell). */
function nameOf(file: string): string {
  return path
    .basename(file)
    .replace(/^-/, '')
    .replace(/(-cli)?\.(?:[cm]?js)$/, '')
}
