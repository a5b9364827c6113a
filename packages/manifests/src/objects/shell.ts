import path from 'node:path'

/** Programs that read a script. */
export const shells: ReadonlySet<string> = new Set(['sh', 'bash', 'dash', 'ash', 'zsh', 'busybox'])

/** Programs that start another with `--`, and are fit to be the first process of a container. */
const inits = new Set(['tini', 'dumb-init', 'catatonit', 'tini-static', 'docker-init', 's6-svscan'])

/** `/usr/bin/npm` is npm. */
export function programOf(word: string): string {
  return path.posix.basename(word.trim())
}

/** The script of `sh -c 'script'`, also behind an init; undefined if no shell is told one. */
export function scriptOf(command: readonly string[]): string | undefined {
  const words = withoutInit(command)
  const first = programOf(words[0] ?? '')
  const rest = first === 'busybox' ? words.slice(1) : words
  if (!shells.has(programOf(rest[0] ?? ''))) return undefined
  // `-c`, `-ec`, `-lc`, and `-e -c`.
  const flag = rest.findIndex((word, index) => index > 0 && /^-[a-z]*c[a-z]*$/.test(word))
  return flag === -1 ? undefined : rest[flag + 1]
}

/** The command that an init starts, or the command itself. */
export function withoutInit(command: readonly string[]): readonly string[] {
  if (!inits.has(programOf(command[0] ?? ''))) return command
  const dashes = command.indexOf('--')
  if (dashes !== -1) return command.slice(dashes + 1)
  const first = command.findIndex((word, index) => index > 0 && !word.startsWith('-'))
  return first === -1 ? [] : command.slice(first)
}

/** The script in simple commands: what stands between `;`, `&&`, `||`, `|`, `&` and the ends of lines. Quotes are respected. */
export function commandsOf(script: string): string[] {
  const commands: string[] = []
  let current = ''
  let quote = ''
  for (let index = 0; index < script.length; index++) {
    const char = script[index] as string
    if (quote !== '') {
      current += char
      if (char === '\\' && quote === '"') current += script[++index] ?? ''
      else if (char === quote) quote = ''
    } else if (char === "'" || char === '"') {
      quote = char
      current += char
    } else if (char === '\\') {
      // A line that goes on is one command.
      if (script[index + 1] !== '\n') current += char + (script[index + 1] ?? '')
      index++
    } else if (char === '#' && /(^|\s)$/.test(current)) {
      while (index + 1 < script.length && script[index + 1] !== '\n') index++
    } else if (';&|\n'.includes(char) && !(char === '&' && /[<>]$/.test(current))) {
      commands.push(current)
      current = ''
    } else {
      current += char
    }
  }
  commands.push(current)
  return commands.map((command) => command.trim()).filter((command) => command !== '')
}

/** The first words of all commands that an exec hook or a container runs. */
export function wordsOf(command: readonly string[]): string[] {
  const script = scriptOf(command)
  const texts = script === undefined ? [command.join(' ')] : commandsOf(script)
  return texts.flatMap((text) => {
    const words = text.split(/\s+/).map((word) => word.replace(/^["'({]+|["')}]+$/g, ''))
    // What stands before the program: variables, and words of the shell.
    while (
      words.length > 1 &&
      /^([A-Za-z_]\w*=.*|exec|then|do|else|if|while|until|!|time|nohup|sudo)$/.test(words[0] ?? '')
    ) {
      words.shift()
    }
    return words[0] ? [words[0]] : []
  })
}

/** Seconds of all `sleep`s of a command that has no branches; undefined if it sleeps for no known time. */
export function sleepsOf(command: readonly string[]): number | undefined {
  const script = scriptOf(command)
  const commands = script === undefined ? [withoutInit(command).join(' ')] : commandsOf(script)
  // Only where a command begins: `echo waiting for the load balancer` and comments are no loops.
  if (commands.some((each) => /^[({!\s]*(while|until|for|if|case|wait)\b|\$\(|`/.test(each))) return undefined
  if (script !== undefined && /\|\|/.test(script)) return undefined
  const sleeps = commands.flatMap((each) => {
    const [, amount = '', unit = 's'] =
      /^(?:exec\s+)?(?:\S*\/)?sleep\s+(\d+(?:\.\d+)?)([smh])?(?:\s|$)/.exec(each) ?? []
    if (amount === '') return []
    return [Number(amount) * ({ s: 1, m: 60, h: 3600 }[unit] ?? 1)]
  })
  return sleeps.length === 0 ? undefined : sleeps.reduce((sum, each) => sum + each, 0)
}
