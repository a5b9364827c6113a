import { type ChildProcess, spawn, spawnSync } from 'node:child_process'

/** Process groups, directories of cgroups, and links with the network namespace of the same name, that must not outlive this process. */
const groups = new Set<number>()
const directories = new Set<string>()
const networks = new Set<string>()
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Does what is left to do when this process could not do it itself, because of SIGKILL: a shell whose input ends with us.
 * It reads what there is to remove (`+`) and what is gone already (`-`), a process group by number, a cgroup by path, a network by name.
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

/** Ends a whole process group, as the death of PID 1 ends a container; a group that is gone already is fine. */
export function killGroup(pid: number): void {
  try {
    // Windows knows no process groups.
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
 * Pods have process groups of their own, so Ctrl-C in a terminal does not reach them: we do it, then die as asked.
 * A program with a handler of its own decides itself; if it exits, `reap` runs then.
 */
function reapAndDie(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return
  reap()
  process.removeListener(signal, reapAndDie)
  process.kill(process.pid, signal)
}

/** Sees to it that the process group `pid` does not outlive this process. */
export function guard(pid: number): void {
  arm()
  groups.add(pid)
  tell('+', pid)
}

/** Forgets a process group that is gone, and the listeners with the last one. */
export function release(pid: number): void {
  groups.delete(pid)
  tell('-', pid)
  disarm()
}

/** Sees to it that the link and the network namespace `name` do not outlive this process. */
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

/** Sees to it that the cgroup does not outlive this process and the processes in it. */
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

/** How much there is that must not be left. */
function guarded(): number {
  return groups.size + directories.size + networks.size
}

function arm(): void {
  if (guarded() > 0) return
  process.on('exit', reap)
  for (const signal of signals) process.on(signal, reapAndDie)
  if (process.platform === 'win32') return
  keeper = spawn('sh', ['-c', keeperProgram], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  // Without a shell there is no keeper, and all the rest works as it did.
  keeper.on('error', () => {})
  keeper.stdin?.on('error', () => {})
  // Neither the process nor the pipe to it keeps us from leaving.
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
