import type {
  ArithmeticExpression,
  Command,
  CompoundList,
  ParsedScript,
  PipelineNode,
  Statement,
  SyntaxNode,
  Word,
  WordPart,
} from 'unbash'
import { bundled } from '../shared/bundled.js'
import { programOf, scriptOf, withoutInit, withoutWrappers } from './shell.js'
import { limitOf, waitOf } from './waits.js'

const { forEachChild, parse } = bundled<typeof import('unbash')>('unbash')

/** Returns the value of an environment variable; undefined if it is unknown, because the image may set it. */
export type Variables = (name: string) => string | undefined

/** A simple command of a shell script: `sleep 15` in `if ready; then sleep 15; fi`. */
export interface SimpleCommand {
  /** As it is written in the script. */
  readonly text: string
  /** The program and its arguments, without wrappers and quotes. A word whose value is known only at run time is undefined. */
  readonly words: readonly (string | undefined)[]
  /** Its offset in the script. */
  readonly at: number
}

/** The command of an exec hook or a container: a shell script, or one program. */
export class Script {
  /** The least number of seconds that it takes; undefined if it does not wait, or the time is unknown. */
  readonly seconds: number | undefined
  /** Commands that still run in the background when the script ends. */
  readonly left: readonly string[]
  readonly commands: readonly SimpleCommand[]
  readonly text: string

  constructor(command: readonly string[], variables: Variables = () => undefined) {
    const script = scriptOf(command)
    this.text = script ?? command.join(' ')
    const clock = new Clock(variables)
    if (script === undefined) {
      const words = withoutInit(command)
      clock.start(words)
      this.commands = [{ text: words.join(' '), words: withoutWrappers(words), at: 0 }]
    } else {
      const tree = parse(script)
      clock.follow(tree.commands)
      this.commands = simpleCommands(tree, script, variables)
    }
    this.seconds = clock.seconds
    this.left = script === undefined ? [] : clock.left.map((node) => textOf(script, node) ?? '')
  }

  /** The programs that it starts. */
  get programs(): readonly string[] {
    return this.commands.flatMap(({ words: [first] }) => (first === undefined ? [] : [programOf(first)]))
  }
}

function textOf(script: string, node: SyntaxNode | undefined): string | undefined {
  return node === undefined ? undefined : script.slice(node.pos, node.end)
}

function simpleCommands(tree: ParsedScript, script: string, variables: Variables): SimpleCommand[] {
  const found: SimpleCommand[] = []
  const look = (node: SyntaxNode, isWritten: boolean) => {
    if (node.type === 'Command' && node.name !== undefined) {
      const words = programWords(wordsOf(node, variables))
      found.push({ text: isWritten ? script.slice(node.pos, node.end) : words.join(' '), words, at: node.pos })
      const inner = scriptOf(words.map((word) => word ?? ''))
      if (inner !== undefined) look(parse(inner), false)
    }
    // A command in `$(…)` is not a step of the script.
    forEachChild(node, (child) => {
      if (child.type !== 'CommandExpansion' && child.type !== 'ProcessSubstitution') look(child, isWritten)
    })
  }
  look(tree, true)
  return found
}

function wordsOf(command: Command, variables: Variables): (string | undefined)[] {
  const words = command.args.flatMap((arg) => (arg.type === 'Word' ? [arg] : []))
  return [command.name as Word, ...words].map((word) => readWord(word, variables))
}

/** The words without `exec` and similar wrappers. Unknown words stay undefined. */
function programWords(words: readonly (string | undefined)[]): readonly (string | undefined)[] {
  const unknown = '\u0000'
  return withoutWrappers(words.map((word) => word ?? unknown)).map((word) => (word === unknown ? undefined : word))
}

/** The value of a word after expansion; undefined if it depends on something unknown. */
function readWord(word: Word, variables: Variables): string | undefined {
  if (word.parts === undefined) return word.value
  return joined(word.parts, variables)
}

function joined(parts: readonly WordPart[], variables: Variables): string | undefined {
  const texts = parts.map((part) => partValue(part, variables))
  return texts.includes(undefined) ? undefined : texts.join('')
}

function partValue(part: WordPart, variables: Variables): string | undefined {
  switch (part.type) {
    case 'Literal':
    case 'SingleQuoted':
    case 'AnsiCQuoted':
      return part.value
    case 'DoubleQuoted':
    case 'LocaleString':
      return joined(part.parts, variables)
    case 'SimpleExpansion':
      return variables(part.text.slice(1))
    case 'ParameterExpansion': {
      const { parameter, prefix, index, operation } = part
      if (prefix !== undefined || index !== undefined) return undefined
      const value = variables(parameter)
      if (operation === undefined) return value
      if (operation.type !== 'Default' || !/^:[-=]$/.test(operation.operator)) return undefined
      return value === '' ? readWord(operation.operand, variables) : value
    }
    case 'ArithmeticExpansion': {
      const value = part.expression === undefined ? Number.NaN : resultOf(part.expression, variables)
      return Number.isFinite(value) ? String(value) : undefined
    }
    case 'Glob':
      return part.text
    default:
      return undefined
  }
}

function resultOf(node: ArithmeticExpression, variables: Variables): number {
  switch (node.type) {
    case 'ArithmeticGroup':
      return resultOf(node.expression, variables)
    case 'ArithmeticWord': {
      const name = /^\$?\{?([A-Za-z_]\w*)\}?$/.exec(node.value)?.[1]
      const text = name === undefined ? node.value : variables(name)
      return text === undefined || text.trim() === '' ? Number.NaN : Number(text)
    }
    case 'ArithmeticUnary':
      return node.operator === '-' ? -resultOf(node.operand, variables) : Number.NaN
    case 'ArithmeticBinary': {
      const [left, right] = [resultOf(node.left, variables), resultOf(node.right, variables)]
      return operations[node.operator]?.(left, right) ?? Number.NaN
    }
    default:
      return Number.NaN
  }
}

const operations: Readonly<Record<string, (left: number, right: number) => number>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  // A shell calculates with integers.
  '/': (left, right) => Math.trunc(left / right),
  '%': (left, right) => left % right,
}

/** Commands that test something: a command after `&&` may not run. */
const questions = new Set(['[', 'test', 'grep', 'pgrep', 'pidof', 'which', 'false', 'command'])

/** Commands that never fail: a command after `||` does not run. */
const sure = new Set(['true', ':', 'echo', 'printf', 'sleep'])

/** Follows a script, and adds up how long it waits, in seconds. NaN is an unknown time. */
class Clock {
  readonly left: Statement[] = []
  #now = 0
  /** Whether any command waits, even for 0 s. */
  #waits = false
  #isOver = false
  #jobs: { readonly end: number; readonly statement: Statement }[] = []
  readonly #functions = new Map<string, SyntaxNode>()
  readonly #assigned = new Map<string, string | undefined>()
  readonly #variables: Variables

  constructor(variables: Variables) {
    this.#variables = (name) => (this.#assigned.has(name) ? this.#assigned.get(name) : variables(name))
  }

  get seconds(): number | undefined {
    return this.#waits && this.left.length === 0 && Number.isFinite(this.#now) ? this.#now : undefined
  }

  /** A whole script. */
  follow(statements: readonly Statement[]): void {
    this.#sequence(statements)
    // Background jobs that have not ended. `!(end <= now)` is true for NaN too.
    for (const { end, statement } of this.#jobs) if (!(end <= this.#now)) this.left.push(statement)
  }

  /** One program, without a shell. */
  start(words: readonly (string | undefined)[]): void {
    const inner = programWords(words)
    const limited = limitOf(inner)
    const script = scriptOf(inner.map((word) => word ?? ''))
    if (limited !== undefined) {
      const before = this.#now
      this.start(limited.words)
      this.#now = before + Math.min(limited.limit, this.#now - before)
    } else if (script !== undefined) {
      this.#sequence(parse(script).commands)
    } else {
      const wait = waitOf(inner)
      if (wait !== undefined) this.#waits = true
      this.#now += wait ?? 0
    }
  }

  #sequence(statements: readonly Statement[]): void {
    for (const statement of statements) {
      if (this.#isOver) return
      if (statement.background === true) {
        const before = this.#now
        this.#run(statement.command)
        this.#jobs.push({ end: this.#now, statement })
        this.#now = before
      } else {
        this.#run(statement.command)
      }
    }
  }

  /** Alternatives of which one runs: the time after them is known only if it is the same for all. */
  #perhaps(...ways: readonly (() => void)[]): void {
    const before = this.#now
    const ends = ways.map((way) => {
      this.#now = before
      way()
      return this.#now
    })
    const over = this.#isOver
    this.#isOver = false
    this.#now = !over && ends.every((end) => Object.is(end, ends[0])) ? (ends[0] ?? before) : Number.NaN
  }

  #run(node: Statement['command'] | SyntaxNode): void {
    switch (node.type) {
      case 'Command':
        this.#command(node)
        break
      case 'Statement':
        this.#sequence([node])
        break
      case 'CompoundList':
        this.#sequence(node.commands)
        break
      case 'Subshell':
      case 'BraceGroup':
        this.#sequence(node.body.commands)
        break
      case 'Redirected':
        this.#run(node.command)
        break
      case 'Pipeline': {
        const before = this.#now
        const ends = node.commands.map((command) => {
          this.#now = before
          this.#run(command)
          return this.#now
        })
        this.#now = Math.max(...ends)
        break
      }
      case 'AndOr':
        this.#andOr(node.commands, node.operators)
        break
      case 'If': {
        this.#run(node.clause)
        const branches: (CompoundList | undefined)[] = [node.then, ...node.elif.map((each) => each.then), node.else]
        this.#perhaps(...branches.map((branch) => () => branch !== undefined && this.#run(branch)))
        break
      }
      case 'Case':
        this.#perhaps(() => {}, ...node.items.map((item) => () => this.#run(item.body)))
        break
      case 'For': {
        const times = node.wordlist?.reduce((sum, word) => sum + this.#countOf(word), 0) ?? Number.NaN
        const before = this.#now
        this.#run(node.body)
        this.#now = before + (this.#now === before ? 0 : (this.#now - before) * times)
        break
      }
      case 'While':
      case 'ArithmeticFor':
      case 'Select':
      case 'Coproc':
        this.#now = Number.NaN
        break
      case 'Function':
        this.#functions.set(node.name.value, node.body)
        break
      default:
    }
  }

  #command(command: Command): void {
    for (const each of command.prefix) {
      if (each.type !== 'Assignment' || command.name !== undefined) continue
      const { value } = each
      this.#assigned.set(each.name, value.type === 'Word' ? readWord(value, this.#variables) : undefined)
    }
    if (command.name === undefined) return
    const words = wordsOf(command, this.#variables)
    const [name = '', ...args] = words
    const body = this.#functions.get(name)
    if (body !== undefined) this.#run(body)
    else if (name === 'wait') this.#wait(args)
    else if (name === 'exit' || name === 'return') this.#isOver = true
    else if (name === 'break' || name === 'continue' || name === 'read') this.#now = Number.NaN
    else if (name === 'export' || name === 'local' || name === 'readonly') this.#declare(command)
    else this.start(words)
  }

  #declare(command: Command): void {
    for (const arg of command.args) {
      if (arg.type !== 'Assignment') continue
      this.#assigned.set(arg.name, arg.value.type === 'Word' ? readWord(arg.value, this.#variables) : undefined)
    }
  }

  /** Waits for all jobs, or for the only one (`$!`). With several jobs it is unknown which one an argument means. */
  #wait(args: readonly (string | undefined)[]): void {
    const ends = this.#jobs.map(({ end }) => end)
    if (args.length > 0 && ends.length > 1) this.#now = Number.NaN
    this.#now = Math.max(this.#now, ...ends)
    this.#jobs = []
  }

  #andOr(commands: readonly PipelineNode[], operators: readonly string[]): void {
    let before: string | undefined
    for (const [index, command] of commands.entries()) {
      const operator = operators[index - 1]
      if (operator === '||' && before !== undefined && sure.has(before)) continue
      const mayNotRun = operator === '||' ? true : operator === '&&' && (before === undefined || questions.has(before))
      if (mayNotRun) {
        this.#perhaps(
          () => {},
          () => this.#run(command),
        )
      } else {
        this.#run(command)
      }
      before = this.#programIn(command)
    }
  }

  /** The program of a simple command; undefined for anything else. */
  #programIn(node: PipelineNode): string | undefined {
    if (node.type !== 'Command' || node.name === undefined) return undefined
    const [first] = programWords(wordsOf(node, this.#variables))
    return first === undefined ? undefined : programOf(first)
  }

  /** The number of words after expansion: `{1..15}` and `$(seq 15)` become fifteen. NaN if unknown. */
  #countOf(word: Word): number {
    const [, from, to] = /^\{(\d+)\.\.(\d+)\}$/.exec(word.text) ?? []
    if (from !== undefined) return Math.abs(Number(to) - Number(from)) + 1
    const [, first, last] = /^(?:\$\(|`)seq (\d+)(?: (\d+))?(?:\)|`)$/.exec(word.text) ?? []
    if (first !== undefined) return last === undefined ? Number(first) : Math.max(0, Number(last) - Number(first) + 1)
    return word.parts === undefined || readWord(word, () => undefined) !== undefined ? 1 : Number.NaN
  }
}
