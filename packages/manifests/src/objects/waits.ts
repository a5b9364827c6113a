import { programOf } from './shell.js'

/**
 * The seconds that a command waits: undefined if it is not known to wait, NaN if it waits for an unknown time, Infinity if it never
 * ends by itself. An unknown word is undefined.
 */
export function waitOf(words: readonly (string | undefined)[]): number | undefined {
  const [first = '', ...args] = words
  const program = programOf(first)
  const wait = programs[program] ?? programs[program.replace(/[\d.]+$/, '')]
  return wait?.(args)
}

const programs: Readonly<Record<string, (args: readonly (string | undefined)[]) => number | undefined>> = {
  sleep: (args) => sumOf(args.map(durationOf)),
  usleep: ([arg]) => (durationOf(arg) ?? 0) / 1e6,
  tail: (args) => (args.some((arg) => /^-[a-zA-Z]*[fF]/.test(arg ?? '')) ? Infinity : undefined),
  node: (args) => waitOfJavaScript(codeOf(args, ['-e', '--eval', '-p', '--print', '-pe'])),
  bun: (args) => waitOfJavaScript(codeOf(args, ['-e', '--eval'])),
  deno: (args) => waitOfJavaScript(codeOf(args, ['eval'])),
  python: (args) => waitOfCode(codeOf(args, ['-c']), /\bsleep\(([^()]*)\)/g),
  perl: (args) => waitOfCode(codeOf(args, ['-e', '-E']), sleepCall),
  ruby: (args) => waitOfCode(codeOf(args, ['-e']), sleepCall),
  php: (args) => waitOfCode(codeOf(args, ['-r']), sleepCall),
  powershell: waitOfPowerShell,
  pwsh: waitOfPowerShell,
}

const sleepCall = /\bsleep\b\s*\(?\s*([\d._]+)/g

/** `sleep` of GNU and busybox waits for the sum of its arguments. With an invalid argument it fails at once. */
function sumOf(amounts: readonly (number | undefined)[]): number | undefined {
  return amounts.reduce((sum, amount) => (sum === undefined || amount === undefined ? undefined : sum + amount), 0)
}

/** `15`, `2m` or `1.5h` in seconds; undefined if it is not a duration. */
function durationOf(text: string | undefined): number | undefined {
  if (text === undefined) return Number.NaN
  if (/^inf(inity)?$/i.test(text)) return Infinity
  const [, amount = '', unit = 's'] = /^(\d+(?:\.\d*)?|\.\d+)([smhd])?$/.exec(text) ?? []
  return amount === '' ? undefined : Number(amount) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[unit] ?? 1)
}

/** The limit of `timeout 20 …` in seconds, and the words of its program; undefined for another command. */
export function limitOf(
  words: readonly (string | undefined)[],
): { readonly limit: number; readonly words: readonly (string | undefined)[] } | undefined {
  if (programOf(words[0] ?? '') !== 'timeout') return undefined
  let index = 1
  for (; words[index]?.startsWith('-') === true; index++) {
    // Old versions of busybox take `-t 20`. `-s` and `-k` take an argument.
    if (words[index] === '-t') break
    if (words[index] === '-s' || words[index] === '-k') index++
  }
  if (words[index] === '-t') index++
  return { limit: durationOf(words[index]) ?? Number.NaN, words: words.slice(index + 1) }
}

function codeOf(args: readonly (string | undefined)[], flags: readonly string[]): string | undefined {
  const flag = args.findIndex((arg) => arg !== undefined && flags.includes(arg))
  return flag === -1 ? '' : args[flag + 1]
}

/** The time of a single timer. NaN with several timers, or with loops or an exit outside of the timer. */
function waitOfJavaScript(code: string | undefined): number | undefined {
  if (code === undefined) return Number.NaN
  const timers = [...code.matchAll(/\b(?:setTimeout|Atomics\.wait)\s*\(/g)]
  const [timer] = timers
  if (timer === undefined) return undefined
  const [args, rest] = argumentsIn(code.slice(timer.index + timer[0].length))
  const last = args.findLast((arg) => /^[\d\s_.e*+()]+$/.test(arg))
  if (timers.length > 1 || last === undefined || /\bexit\b|\bfor\b|\bwhile\b/.test(code.slice(0, timer.index) + rest)) {
    return Number.NaN
  }
  return amountIn(last) / 1000
}

/** The arguments of a call, given the code after its `(`, and the code after the call. */
function argumentsIn(code: string): readonly [args: readonly string[], rest: string] {
  const args = ['']
  let depth = 0
  let quote = ''
  for (let index = 0; index < code.length; index++) {
    const char = code[index] as string
    if (quote !== '') {
      if (char === quote) quote = ''
    } else if ('\'"`'.includes(char)) {
      quote = char
    } else if ('([{'.includes(char)) {
      depth++
    } else if (')]}'.includes(char)) {
      if (depth === 0) return [args.map((arg) => arg.trim()), code.slice(index + 1)]
      depth--
    } else if (char === ',' && depth === 0) {
      args.push('')
      continue
    }
    args[args.length - 1] += char
  }
  return [args.map((arg) => arg.trim()), '']
}

/** The sum of the sleeps in code without branches and loops. NaN with them. */
function waitOfCode(code: string | undefined, sleeps: RegExp): number | undefined {
  if (code === undefined) return Number.NaN
  const amounts = [...code.matchAll(sleeps)].map(([, amount = '']) => amountIn(amount))
  if (amounts.length === 0) return undefined
  if (/\b(for|while|until|if|unless|def|loop|times|each)\b/.test(code)) return Number.NaN
  return amounts.reduce((sum, amount) => sum + amount, 0)
}

/** `45000`, `45_000`, `45 * 1000`; NaN for anything else. */
function amountIn(text: string): number {
  return text
    .split('*')
    .map((factor) => factor.trim().replaceAll('_', ''))
    .reduce((product, factor) => product * (factor === '' ? Number.NaN : Number(factor)), 1)
}

function waitOfPowerShell(args: readonly (string | undefined)[]): number | undefined {
  if (args.includes(undefined)) return Number.NaN
  const sleeps = [
    ...args.join(' ').matchAll(/\bstart-sleep\s+(?:-(?:s|seconds)\s+)?(\d+)|-(?:m|milliseconds)\s+(\d+)/gi),
  ]
  if (sleeps.length === 0) return undefined
  return sleeps.reduce((sum, [, whole, thousandths]) => sum + Number(whole ?? Number(thousandths) / 1000), 0)
}
