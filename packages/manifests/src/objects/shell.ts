import path from 'node:path'

/** Programs that run a script. */
export const shells: ReadonlySet<string> = new Set(['sh', 'bash', 'dash', 'ash', 'zsh', 'ksh', 'busybox'])

/** Init programs for containers, which start another program, often after `--`. */
const inits = new Set(['tini', 'dumb-init', 'catatonit', 'tini-static', 'docker-init', 's6-svscan'])

/** Entrypoint scripts that `exec` their arguments: https://github.com/nodejs/docker-node/blob/main/docker-entrypoint.sh */
const entrypoint = /^docker-entrypoint(\.sh)?$/

/** Programs that only start another program, and their options that take an argument. */
const wrappers: Readonly<Record<string, readonly string[]>> = {
  exec: ['-a'],
  command: [],
  builtin: [],
  nohup: [],
  time: [],
  sudo: ['-u', '-g'],
  doas: ['-u'],
  setsid: [],
  nice: ['-n'],
  ionice: ['-c', '-n'],
  stdbuf: ['-i', '-o', '-e'],
  env: ['-u', '-C'],
}

/** `/usr/bin/npm` is npm, and `powershell.exe` is powershell. */
export function programOf(word: string): string {
  return path.posix.basename(word.trim()).replace(/\.exe$/i, '')
}

/** The script of `sh -c 'script'`, also behind an init; undefined if the command is not a shell with `-c`. */
export function scriptOf(command: readonly string[]): string | undefined {
  const words = withoutWrappers(withoutInit(command))
  if (!shells.has(programOf(words[0] ?? ''))) return undefined
  // `-c`, `-ec`, `-e -c` and `-c -x`: the script comes after all options.
  let isTold = false
  let index = 1
  for (; /^[-+]./.test(words[index] ?? ''); index++) {
    const word = words[index] as string
    if (word === '--') {
      index++
      break
    }
    if (/^-[a-z]*c/i.test(word)) isTold = true
    // `-o pipefail`
    if (/^[-+][a-z]*o$/i.test(word)) index++
  }
  return isTold ? words[index] : undefined
}

/** The command that an init starts, or the command itself. */
export function withoutInit(command: readonly string[]): readonly string[] {
  if (entrypoint.test(programOf(command[0] ?? '')) && command.length > 1) return withoutInit(command.slice(1))
  if (!inits.has(programOf(command[0] ?? ''))) return command
  const dashes = command.indexOf('--')
  if (dashes !== -1) return command.slice(dashes + 1)
  const first = command.findIndex((word, index) => index > 0 && !word.startsWith('-'))
  return first === -1 ? [] : command.slice(first)
}

/** The words after wrappers such as `exec`, `env A=b` and `busybox`. */
export function withoutWrappers(words: readonly string[]): readonly string[] {
  const [first = '', ...rest] = words
  const program = programOf(first)
  if (program === 'busybox' && rest.length > 0) return withoutWrappers(rest)
  const valued = wrappers[program]
  if (valued === undefined || rest.length === 0) return words
  let index = 0
  while (index < rest.length) {
    const word = rest[index] as string
    if (word === '--') {
      index++
      break
    }
    if (valued.includes(word)) index += 2
    else if (word.startsWith('-') || (program === 'env' && /^\w+=/.test(word))) index++
    else break
  }
  return index >= rest.length ? words : withoutWrappers(rest.slice(index))
}
