import { readFileSync } from 'node:fs'
import path from 'node:path'

/** What ends processes with SIGINT, and by what public sign a process knows that it is theirs. */
interface Manager {
  readonly name: string
  isHere(): boolean
}

const { env } = process

/**
 * - pm2 turns SIGTERM into SIGINT, `pm2-runtime` as process 1 of a container, too (`PM2_KILL_SIGNAL` changes it). It sets
 *   `pm_id` for each of its processes.
 * - Nomad sends SIGINT unless `kill_signal` says otherwise, and sets `NOMAD_ALLOC_ID`.
 * - supervisord sends what `stopsignal` says, keeps its processes away from the terminal, and sets `SUPERVISOR_ENABLED`.
 * - systemd sends what `KillSignal` says, and sets `SYSTEMD_EXEC_PID` to the id of the process that it has started itself.
 * - A container runtime sends to process 1 what `STOPSIGNAL` of the image says, and nobody has a keyboard in a pod without a terminal.
 * - `dumb-init --rewrite 15:2` makes SIGINT of SIGTERM.
 */
const managers: readonly Manager[] = [
  { name: 'pm2', isHere: isOfPm2 },
  { name: 'Nomad', isHere: () => env.NOMAD_ALLOC_ID !== undefined },
  { name: 'supervisord', isHere: () => env.SUPERVISOR_ENABLED !== undefined },
  { name: 'systemd', isHere: () => env.SYSTEMD_EXEC_PID === String(process.pid) },
  {
    name: 'the container runtime',
    isHere: () => process.pid === 1 && env.KUBERNETES_SERVICE_HOST !== undefined && !process.stdin.isTTY,
  },
  { name: 'the first process', isHere: () => turnsIntoInterrupt(firstCommandLine()) },
]

/**
 * Whether SIGINT is an order to end, as SIGTERM is, and no Ctrl-C of a person: then load balancers still send, and are waited for.
 */
export function interruptIsTermination(): boolean {
  return managers.some((manager) => manager.isHere())
}

/** Whether pm2 has started this process, perhaps as a worker of node:cluster: it signals each of them itself, and waits. */
export function isOfPm2(): boolean {
  return env.pm_id !== undefined
}

/** pm2 kills so many milliseconds after its signal, unless `kill_timeout` is set. */
const killTimeoutOfPm2 = 1600

/**
 * Milliseconds after which a process manager kills what it has signalled; undefined where none is known to. Only pm2 tells its
 * processes: by a variable, if `kill_timeout` is set (or PM2_KILL_TIMEOUT for all).
 */
export function killedAfter(): number | undefined {
  if (!isOfPm2()) return undefined
  const timeout = Number(env.kill_timeout ?? env.PM2_KILL_TIMEOUT ?? killTimeoutOfPm2)
  return timeout > 0 ? timeout : killTimeoutOfPm2
}

/**
 * Says that a process manager leaves this process less time than its pod has.
 *
 * @param budget milliseconds that the drain may take
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
 * Whether the first process of the container makes SIGINT of SIGTERM.
 *
 * @param commandLine what /proc/1/cmdline holds: arguments, each followed by a NUL
 */
export function turnsIntoInterrupt(commandLine: string): boolean {
  const [command = '', ...args] = commandLine.split('\0')
  const name = path.basename(command)
  if (name === 'dumb-init') return /(^| )(-r|--rewrite)[ =]?(15|SIGTERM):(2|SIGINT)( |$)/.test(args.join(' '))
  // Started by its name, by node with its script, or with the title that its daemon gives itself.
  const isPm2 = (file: string): boolean => /^pm2(-runtime|-docker)?$/.test(path.basename(file))
  return isPm2(name) || (name === 'node' && isPm2(args[0] ?? '')) || command.startsWith('PM2 v')
}

function firstCommandLine(): string {
  try {
    return readFileSync('/proc/1/cmdline', 'utf8')
  } catch {
    return '' // no /proc, or not ours to read
  }
}
