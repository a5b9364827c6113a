import path from 'node:path'
import { type Platform, platformOf, platforms } from '../shared/platform.js'
import { pm2KillTimeout } from '../shared/timing.js'
import { firstCommandLine } from './first-process.js'
import type { Signal } from './signals.js'

/** A process manager that may end processes with SIGINT. */
interface Manager {
  readonly name: string
  /** Whether the manager has started this process, by a public sign such as an environment variable. */
  isHere(): boolean
}

const { env } = process

/**
 * - pm2 turns SIGTERM into SIGINT, also as `pm2-runtime` in process 1 of a container (`PM2_KILL_SIGNAL` changes the signal). It
 *   sets `pm_id` for each of its processes.
 * - supervisord sends `stopsignal`, detaches its processes from the terminal, and sets `SUPERVISOR_ENABLED`.
 * - systemd sends `KillSignal`, and sets `SYSTEMD_EXEC_PID` to the id of the process that it has started.
 * - A container runtime sends `STOPSIGNAL` of the image to process 1. In a pod without a terminal nobody presses
 *   Ctrl-C.
 * - `dumb-init --rewrite 15:2` turns SIGTERM into SIGINT.
 */
const managers: readonly Manager[] = [
  { name: 'pm2', isHere: isOfPm2 },
  { name: 'supervisord', isHere: () => env.SUPERVISOR_ENABLED !== undefined },
  { name: 'systemd', isHere: () => env.SYSTEMD_EXEC_PID === String(process.pid) },
  {
    name: 'the container runtime',
    isHere: () => process.pid === 1 && env.KUBERNETES_SERVICE_HOST !== undefined && !process.stdin.isTTY,
  },
  { name: 'the first process', isHere: () => turnsIntoInterrupt(firstCommandLine()) },
]

/**
 * Whether SIGINT means the same as SIGTERM, and is not a Ctrl-C. Load balancers may then still send, so the drain waits for them.
 * On a platform that ends processes with SIGINT, a process with a terminal (such as in `fly ssh console`) gets SIGINT from Ctrl-C.
 */
export function interruptIsTermination(platform: Platform = platformOf(env)): boolean {
  if (platforms[platform].signal === 'SIGINT' && !process.stdin.isTTY) return true
  return managers.some((manager) => manager.isHere())
}

/**
 * The signals that the platform or process manager may send more than once. A second signal then does not force the exit.
 * `pm2-runtime` signals its processes again some seconds later, when it counts none of them as online (its flag `--auto-exit`).
 */
export function repeatedSignals(platform: Platform): readonly Signal[] {
  if (isOfPm2()) return ['SIGTERM', 'SIGINT']
  return platforms[platform].repeats ? ['SIGTERM'] : []
}

/**
 * Whether pm2 has started this process, perhaps as a worker of node:cluster. pm2 signals each worker itself, and waits for the
 * worker's exit.
 */
export function isOfPm2(): boolean {
  return env.pm_id !== undefined
}

/**
 * Milliseconds from a process manager's signal to its SIGKILL. undefined if they are not known. Only pm2 passes this time to its
 * processes: in a variable, if `kill_timeout` is set, or PM2_KILL_TIMEOUT for all processes.
 */
export function killedAfter(): number | undefined {
  if (!isOfPm2()) return undefined
  const timeout = Number(env.kill_timeout ?? env.PM2_KILL_TIMEOUT ?? pm2KillTimeout)
  return timeout > 0 ? timeout : pm2KillTimeout
}

/**
 * Returns a warning if a process manager kills this process before a drain must be over.
 *
 * @param budget Milliseconds that a drain may take.
 * @returns The warning. undefined if there is no such process manager.
 */
export function warningOfManager(budget: number): string | undefined {
  const timeout = killedAfter()
  if (timeout === undefined || timeout >= budget) return undefined
  return (
    `pm2 kills this process ${timeout} ms after its signal, and a drain may take ${budget} ms, so it would be cut short: set kill_timeout to ${budget} ` +
    'in pm2\'s ecosystem file, or start node itself, CMD ["node", "server.js"] in the Dockerfile'
  )
}

/**
 * Whether process 1 of the container turns SIGTERM into SIGINT.
 *
 * @param commandLine The content of /proc/1/cmdline: arguments, each followed by a NUL.
 */
export function turnsIntoInterrupt(commandLine: string): boolean {
  const [command = '', ...args] = commandLine.split('\0')
  const name = path.basename(command)
  if (name === 'dumb-init') return /(^| )(-r|--rewrite)[ =]?(15|SIGTERM):(2|SIGINT)( |$)/.test(args.join(' '))
  // pm2 is started by its name, or by node with its script. Or its daemon has set the title of the process.
  const isPm2 = (file: string): boolean => /^pm2(-runtime|-docker)?$/.test(path.basename(file))
  return isPm2(name) || (name === 'node' && isPm2(args[0] ?? '')) || command.startsWith('PM2 v')
}
