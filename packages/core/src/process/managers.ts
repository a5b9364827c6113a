import path from 'node:path'
import { type Platform, platformOf, platforms } from '../shared/platform.js'
import { pm2KillTimeout } from '../shared/timing.js'
import { firstCommandLine } from './first-process.js'
import type { Signal } from './signals.js'

/** A process manager that ends processes with SIGINT, and the public sign by which its processes recognise it. */
interface Manager {
  readonly name: string
  isHere(): boolean
}

const { env } = process

/**
 * - pm2 turns SIGTERM into SIGINT, also as `pm2-runtime` in process 1 of a container (`PM2_KILL_SIGNAL` changes it). It
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
 * Whether SIGINT means the same as SIGTERM, and is not a Ctrl-C. Load balancers then still send and are waited for.
 * Whoever has a terminal on a platform that ends with SIGINT, as `fly ssh console` gives one, presses Ctrl-C.
 */
export function interruptIsTermination(platform: Platform = platformOf(env)): boolean {
  if (platforms[platform].signal === 'SIGINT' && !process.stdin.isTTY) return true
  return managers.some((manager) => manager.isHere())
}

/**
 * The signals that may come more than once though nobody is impatient. `pm2-runtime` signals its processes again some
 * seconds later, as by then it counts none of them as online (its flag `--auto-exit`).
 */
export function repeatedSignals(platform: Platform): readonly Signal[] {
  if (isOfPm2()) return ['SIGTERM', 'SIGINT']
  return platforms[platform].repeats ? ['SIGTERM'] : []
}

/**
 * Whether pm2 has started this process, perhaps as a worker of node:cluster. pm2 signals each worker itself, and waits
 * for it.
 */
export function isOfPm2(): boolean {
  return env.pm_id !== undefined
}

/**
 * Milliseconds from a process manager's signal to its SIGKILL; undefined if not known. Only pm2 tells its processes, by
 * a variable, if `kill_timeout` (or PM2_KILL_TIMEOUT for all) is set.
 */
export function killedAfter(): number | undefined {
  if (!isOfPm2()) return undefined
  const timeout = Number(env.kill_timeout ?? env.PM2_KILL_TIMEOUT ?? pm2KillTimeout)
  return timeout > 0 ? timeout : pm2KillTimeout
}

/**
 * Warns of a process manager that leaves this process less time than a drain may take.
 *
 * @param budget Milliseconds that a drain may take.
 * @returns undefined if there is none.
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
 * Whether the first process of the container turns SIGTERM into SIGINT.
 *
 * @param commandLine The content of /proc/1/cmdline: arguments, each followed by a NUL.
 */
export function turnsIntoInterrupt(commandLine: string): boolean {
  const [command = '', ...args] = commandLine.split('\0')
  const name = path.basename(command)
  if (name === 'dumb-init') return /(^| )(-r|--rewrite)[ =]?(15|SIGTERM):(2|SIGINT)( |$)/.test(args.join(' '))
  // pm2 is started by its name, or by node with its script, or has the title that its daemon sets.
  const isPm2 = (file: string): boolean => /^pm2(-runtime|-docker)?$/.test(path.basename(file))
  return isPm2(name) || (name === 'node' && isPm2(args[0] ?? '')) || command.startsWith('PM2 v')
}
