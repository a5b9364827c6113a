import { type ChildProcess, spawn, spawnSync } from 'node:child_process'

/** What must not outlive this process: process groups, directories of cgroups, and names of links and their network namespaces. */
const groups = new Set<number>()
const directories = new Set<string>()
const networks = new Set<string>()
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * A shell that cleans up when this process cannot, because it was killed by SIGKILL. The shell's input ends with this process.
 * Each line of the input adds (`+`) or removes (`-`) something to clean up: a process group by number, a cgroup by path, a network by name.
 */
const keeperProgram = `
trap '' INT TERM HUP
all=
while read -r sign what; do
  rest=
  for one in $all; do [ "$one" = "$what" ] || rest="$rest $one"; done
  [ "$sign" = + ] && rest="$rest $what"
  all=$rest
done
for one in $all; do
  case $one in
    *[!0-9]*) ;;
    *) kill -s KILL -- "-$one" ;;
  esac
done
for one in $all; do
  case $one in
    /*) echo 1 >"$one/cgroup.kill"; for try in 1 2 3 4 5 6 7 8 9 10; do rmdir "$one" && break; [ -d "$one" ] || break; sleep 0.2; done ;;
    *[!0-9]*) ip link delete "$one"; ip netns delete "$one" ;;
  esac
done
`
let keeper: ChildProcess | undefined

/** Kills a process group, as the end of PID 1 ends a container. Does nothing if the group is gone. */
export function killGroup(pid: number): void {
  try {
    // Windows has no process groups.
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL')
  } catch {}
}

function reap(): void {
  for (const pid of groups) killGroup(pid)
  for (const name of networks) {
    spawnSync('ip', ['link', 'delete', name])
    spawnSync('ip', ['netns', 'delete', name])
  }
}

/**
 * Pods have their own process groups, so Ctrl-C in a terminal does not reach them: this handler kills them, then lets the signal end
 * this process. A program with its own handler for the signal decides itself; when it exits, `reap` runs.
 */
function reapAndDie(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return
  reap()
  process.removeListener(signal, reapAndDie)
  process.kill(process.pid, signal)
}

/** Makes sure that the process group `pid` does not outlive this process. */
export function guard(pid: number): void {
  arm()
  groups.add(pid)
  tell('+', pid)
}

/** Forgets a process group that is gone. With the last one, the listeners are removed. */
export function release(pid: number): void {
  groups.delete(pid)
  tell('-', pid)
  disarm()
}

/** Makes sure that the link and the network namespace `name` do not outlive this process. */
export function guardNetwork(name: string): void {
  arm()
  networks.add(name)
  tell('+', name)
}

/** Forgets a network that is gone. */
export function releaseNetwork(name: string): void {
  networks.delete(name)
  tell('-', name)
  disarm()
}

/** Makes sure that the cgroup, and the processes in it, do not outlive this process. */
export function guardDirectory(directory: string): void {
  arm()
  directories.add(directory)
  tell('+', directory)
}

/** Forgets a cgroup that is gone. */
export function releaseDirectory(directory: string): void {
  directories.delete(directory)
  tell('-', directory)
  disarm()
}

/** How many things are guarded. */
function guarded(): number {
  return groups.size + directories.size + networks.size
}

function arm(): void {
  if (guarded() > 0) return
  process.on('exit', reap)
  for (const signal of signals) process.on(signal, reapAndDie)
  if (process.platform === 'win32') return
  keeper = spawn('sh', ['-c', keeperProgram], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  // Without a shell there is no keeper; then only SIGKILL of this process leaves something behind.
  keeper.on('error', () => {})
  keeper.stdin?.on('error', () => {})
  // Neither the keeper nor the pipe to it keeps this process running.
  keeper.unref()
  ;(keeper.stdin as unknown as { unref(): void } | null)?.unref()
}

function disarm(): void {
  if (guarded() > 0) return
  process.removeListener('exit', reap)
  for (const signal of signals) process.removeListener(signal, reapAndDie)
  keeper?.stdin?.end()
  keeper = undefined
}

function tell(sign: '+' | '-', what: number | string): void {
  keeper?.stdin?.write(`${sign} ${what}\n`)
}
