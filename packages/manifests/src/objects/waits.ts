import { programOf } from './shell.js'

/**
 * Seconds that a program waits, by its words: undefined for one that is not known to wait, NaN for one that waits nobody knows
 * how long, Infinity for one that never ends by itself. A word that is not known is undefined.
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

/** Of several amounts GNU sleep waits for their sum, and so does busybox; with one that is none it ends at once. */
function sumOf(amounts: readonly (number | undefined)[]): number | undefined {
  return amounts.reduce((sum, amount) => (sum === undefined || amount === undefined ? undefined : sum + amount), 0)
}

/** `15`, `2m`, `1.5h`; undefined for what is no duration. */
function durationOf(text: string | undefined): number | undefined {
  if (text === undefined) return Number.NaN
  if (/^inf(inity)?$/i.test(text)) return Infinity
  const [, amount = '', unit = 's'] = /^(\d+(?:\.\d*)?|\.\d+)([smhd])?$/.exec(text) ?? []
  return amount === '' ? undefined : Number(amount) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[unit] ?? 1)
}

/** `timeout 20 …`: how long it lets a program run, and the words of the program. */
export function limitOf(
  words: readonly (string | undefined)[],
): { readonly limit: number; readonly words: readonly (string | undefined)[] } | undefined {
  if (programOf(words[0] ?? '') !== 'timeout') return undefined
  let index = 1
  for (; words[index]?.startsWith('-') === true; index++) {
    // busybox once wanted `-t 20`; `-s` and `-k` have a word of their own.
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

/** One timer that nothing comes before. Two of them, or an exit elsewhere: nobody knows. */
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

/** The arguments of a call, from behind its `(`, and what comes after it. */
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

/** Code in which sleeps stand one after the other. */
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
