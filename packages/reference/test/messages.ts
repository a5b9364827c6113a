import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { parseSync, visitorKeys } from 'oxc-parser'

/** A text that a package logs or throws. `<>` stands for a value that is inserted at run time. */
export interface Message {
  readonly text: string
  /** The method of the logger, `stderr`, or `error` for an error. */
  readonly level: string
  /** File and line. */
  readonly place: string
}

/** A node of the syntax tree, with the fields of ESTree. */
// biome-ignore lint/suspicious/noExplicitAny: the trees have a type for each of 180 nodes, and this walks over all of them
type Tree = any

interface Source {
  readonly path: string
  readonly text: string
  readonly nodes: readonly Tree[]
}

/** Stands for a value that is inserted at run time. */
const hole = '<>'
const packages = join(__dirname, '..', '..')
const levels: Readonly<Record<string, string>> = { info: 'info', warn: 'warn', error: 'error', alarm: 'error' }

/**
 * The first line of a message, without the prefix of every line and with `<>` for inserted values. The other lines are a stack or a snippet.
 */
export function tidy(text: string): string {
  return text
    .replace(/\n[\s\S]*/, '')
    .replace(/^(?:podrain(?: \(<>\))?|error): /, '')
    .replace(/<[^<>]*>/g, hole)
    .replace(/(?:<>)+/g, hole)
    .trim()
}

/** Whether a text has its own words. Otherwise it only passes on another message, which has its own entry. */
export function hasWords({ text }: Pick<Message, 'text'>): boolean {
  return /[a-z]{2}/i.test(text)
}

/** Reads the texts of a package from the syntax trees of its source. No code of the package runs. */
export class Texts {
  readonly #sources: ReadonlyMap<string, Source>
  /** Functions by name. A method of an object of unknown type is found by its name alone. */
  readonly #functions = new Map<string, Tree>()
  readonly #calls = new Map<string, Tree[]>()
  /** The expressions that are being read, so that a recursive function is not read forever. */
  readonly #reading = new Set<Tree>()

  constructor(name: string) {
    const folder = join(packages, name, 'src')
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((each) =>
      /(?<!\.d)\.ts$/.test(each),
    )
    this.#sources = new Map(names.map((each) => [join(folder, each), sourceAt(join(folder, each))]))
    const nodes = [...this.#sources.values()].flatMap((source) => source.nodes)
    for (const node of nodes) {
      if (node.type === 'CallExpression' || node.type === 'NewExpression') {
        const callee = calleeOf(node)
        this.#calls.set(callee, [...(this.#calls.get(callee) ?? []), node])
      }
      if (isFunction(node) && ownNameOf(node) !== '') this.#functions.set(ownNameOf(node), node)
    }
  }

  /** The texts that are passed to a logger. */
  logLines(): Message[] {
    return this.#messages((node) => {
      if (node.type !== 'CallExpression' || node.callee.type !== 'MemberExpression') return undefined
      const method = calleeOf(node)
      const isLogger = /(?:logger|^named|^listener)$/i.test(textOf(node.callee.object))
      if (!isLogger) return undefined
      // A report is an error unless the drain was clean.
      if (method === 'record') return { argument: node.arguments[1], levels: ['info', 'error'] }
      return method in levels ? { argument: node.arguments[0], levels: [levels[method] as string] } : undefined
    })
  }

  /** The texts of errors. */
  errors(): Message[] {
    return this.#messages((node) => {
      const isError =
        node.type === 'NewExpression'
          ? /Error$|^Kind$/.test(calleeOf(node)) && !this.#functions.has(calleeOf(node))
          : node.callee?.type === 'Super' && isErrorClass(node)
      return isError ? { argument: node.arguments[0], levels: ['error'] } : undefined
    })
  }

  /** The texts that are written to stderr, and the reasons why a manifest was skipped. */
  warnings(): Message[] {
    return this.#messages((node) => {
      if (node.type === 'CallExpression') {
        const isWritten = textOf(node.callee) === 'process.stderr.write'
        return isWritten ? { argument: node.arguments[0], levels: ['stderr'] } : undefined
      }
      const names: string[] = node.type === 'ObjectExpression' ? node.properties.map(({ key }: Tree) => key?.name) : []
      const isSkipped = ['file', 'line', 'what', 'why'].every((name) => names.includes(name))
      return isSkipped ? { argument: node.properties[names.indexOf('why')].value, levels: ['stderr'] } : undefined
    })
  }

  #messages(find: (node: Tree) => { argument: Tree; levels: string[] } | undefined): Message[] {
    const found: Message[] = []
    for (const { path, text, nodes } of this.#sources.values()) {
      for (const node of nodes) {
        const { argument, levels } = find(node) ?? {}
        if (argument === undefined || levels === undefined) continue
        const place = `${relative(packages, path)}:${text.slice(0, node.start).split('\n').length}`
        for (const text of this.#read(argument).map(tidy)) {
          found.push(...levels.map((level) => ({ text, level, place })))
        }
      }
    }
    return found
  }

  /** All texts that an expression may have. */
  #read(node: Tree): string[] {
    if (!node || this.#reading.has(node)) return [hole]
    this.#reading.add(node)
    const texts = this.#readOnce(node)
    this.#reading.delete(node)
    return texts
  }

  #readOnce(node: Tree): string[] {
    switch (node.type) {
      case 'Literal':
        return [String(node.value)]
      case 'TemplateLiteral':
        return this.#readTemplate(node)
      case 'BinaryExpression': {
        if (!isAdditionOfTexts(node)) return [hole]
        const rights = this.#read(node.right)
        return this.#read(node.left).flatMap((left) => rights.map((right) => left + right))
      }
      case 'ConditionalExpression':
        return [...this.#read(node.consequent), ...this.#read(node.alternate)]
      case 'LogicalExpression':
        return [...this.#read(node.left), ...this.#read(node.right)]
      case 'Identifier':
        return this.#readName(node)
      case 'CallExpression':
        return this.#readCall(node)
      case 'MemberExpression':
        return this.#readRecord(node)
      default:
        return [hole]
    }
  }

  #readTemplate({ quasis, expressions }: Tree): string[] {
    const fixed: string[] = quasis.map(({ value }: Tree) => value.cooked)
    const isMere = !hasWords({ text: fixed.join(' ') })
    return fixed.reduce<string[]>((begun, text, at) => {
      if (at === 0) return [text]
      const node = expressions[at - 1]
      // If the callers of a function pass all words, or the first words, each call has its own text.
      const isBeginning = at === 1 && fixed[0] === '' && node.type === 'Identifier'
      const middles = isMere || isBeginning ? this.#read(node) : [this.#readSingle(node)]
      return begun.flatMap((each) => middles.map((middle) => each + middle + text))
    }, [])
  }

  /** The text that an expression always has. */
  #readSingle(node: Tree): string {
    const texts = new Set(this.#read(node))
    return texts.size === 1 ? ([...texts][0] as string) : hole
  }

  #readName(node: Tree): string[] {
    const { name } = node
    if (name === 'undefined') return []
    for (let scope = node.parent; scope; scope = scope.parent) {
      const at = (scope.params ?? []).findIndex((each: Tree) => (each.left ?? each).name === name)
      if (at >= 0) return this.#readParameter(scope, at)
      const isTaken = scope.params?.some((each: Tree) => new RegExp(`\\b${name}\\b`).test(textOf(each)))
      if (isTaken) return [hole]
      const statements = Array.isArray(scope.body) ? scope.body : []
      const found = declarationOf(statements, name)
      if (found) return found.kind === 'const' ? this.#read(found.init) : [hole]
    }
    const found = declarationOf(this.#imported(node)?.nodes[0].body ?? [], name)
    return found?.init ? this.#read(found.init) : [hole]
  }

  /** The values of a record of texts that is looked up by a name. */
  #readRecord({ computed, object, file }: Tree): string[] {
    const record = computed ? declarationIn(file.nodes, textOf(object), Number.POSITIVE_INFINITY) : undefined
    if (record?.type !== 'ObjectExpression') return [hole]
    return record.properties.flatMap(({ value }: Tree) => this.#read(value))
  }

  /** The texts that the callers of a function pass as a parameter. */
  #readParameter(owner: Tree, at: number): string[] {
    const texts = this.#callsOf(owner).flatMap((call) => this.#read(call.arguments[at]))
    return texts.length > 0 ? texts : [hole]
  }

  /** The calls of a function. A function that is passed as an argument is called by the name of the parameter. */
  #callsOf(owner: Tree): Tree[] {
    const { parent } = owner
    if (parent.type !== 'CallExpression') {
      const calls = this.#calls.get(ownNameOf(owner)) ?? []
      // A declared function is called by its name, in its file or where it is imported. A method is called on an object. A callback may be
      // called in both ways.
      if (isDeclared(owner)) return calls.filter((call) => this.#calledBy(call) === owner)
      const isOfClass = parent.type === 'PropertyDefinition' || parent.type === 'MethodDefinition'
      return isOfClass ? calls.filter(({ callee, type }) => callee.object || type === 'NewExpression') : calls
    }
    const taker = this.#calledBy(parent)
    const parameter = taker?.params[parent.arguments.indexOf(owner)]
    const name = (parameter?.left ?? parameter)?.name
    const isWithin = ({ file, start, end }: Tree): boolean =>
      file === taker.file && start >= taker.start && end <= taker.end
    return name === undefined ? [] : (this.#calls.get(name) ?? []).filter(isWithin)
  }

  #readCall(node: Tree): string[] {
    if (node.callee.property?.name === 'join') return [this.#readJoin(node)]
    const owner = this.#calledBy(node)
    return owner ? returnsOf(owner).flatMap((each) => this.#read(each)) : [hole]
  }

  /** The called function: one of the same file, one of an imported file, or a method of that name. */
  #calledBy(call: Tree): Tree {
    const name = calleeOf(call)
    if (call.callee.type !== 'Identifier') return this.#functions.get(name)
    const files = [call.file, this.#imported(call.callee)]
    return files.flatMap((file) => file?.nodes ?? []).find((node) => isDeclared(node) && ownNameOf(node) === name)
  }

  /** The text of a joined list. A part that is not constant is `<>`. */
  #readJoin(node: Tree): string {
    const list = declarationIn(node.file.nodes, textOf(node.callee.object), node.start)
    if (list?.type !== 'ArrayExpression' || list.elements.length === 0) return hole
    const separator = node.arguments[0]?.value ?? ','
    return list.elements.map((each: Tree) => this.#readSingle(each)).join(separator) + hole
  }

  #imported({ name, file }: Tree): Source | undefined {
    const statement = file.nodes.find(
      (each: Tree) =>
        each.type === 'ImportDeclaration' && each.specifiers.some(({ local }: Tree) => local.name === name),
    )
    return statement && this.#sources.get(join(dirname(file.path), statement.source.value.replace(/\.js$/, '.ts')))
  }
}

/** Parses a file. Each node gets its parent and its source. */
function sourceAt(path: string): Source {
  const text = readFileSync(path, 'utf8')
  const nodes: Tree[] = []
  const file: Source = { path, text, nodes }
  const walk = (node: Tree, parent: Tree): void => {
    nodes.push(Object.assign(node, { parent, file }))
    for (const key of visitorKeys[node.type] ?? []) {
      for (const child of [node[key]].flat()) if (child) walk(child, node)
    }
  }
  walk(parseSync(path, text, { preserveParens: false }).program, undefined)
  return file
}

function textOf(node: Tree): string {
  return node.file.text.slice(node.start, node.end)
}

function calleeOf({ callee, file }: Tree): string {
  return nameIn(callee.property ?? callee, file)
}

/** A name. A private name gets the path of its file, because it is known only there. */
function nameIn(name: Tree, { path }: Source): string {
  return name?.type === 'PrivateIdentifier' ? `${path}#${name.name}` : (name?.name ?? '')
}

function isFunction({ type }: Tree): boolean {
  return /^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(type)
}

/** Whether a function is called by its name alone. */
function isDeclared(node: Tree): boolean {
  return isFunction(node) && (node.type === 'FunctionDeclaration' || node.parent.type === 'VariableDeclarator')
}

/** The name of a function where it is declared, of a method, or of the class that it constructs. */
function ownNameOf({ id, parent, file }: Tree): string {
  const name = nameIn(id ?? parent.key ?? parent.id, file)
  return name === 'constructor' ? (parent.parent.parent.id?.name ?? '') : name
}

/** Whether `super()` is called in a class of errors. */
function isErrorClass(node: Tree): boolean {
  let up = node
  while (up && up.type !== 'ClassDeclaration') up = up.parent
  return up?.superClass !== null && /Error$/.test(up.superClass?.name ?? '')
}

/** Whether an addition contains a text, and so is not an addition of numbers. */
function isAdditionOfTexts({ type, left, right, value }: Tree): boolean {
  if (type === 'BinaryExpression') return isAdditionOfTexts(left) || isAdditionOfTexts(right)
  return type === 'TemplateLiteral' || typeof value === 'string'
}

function declarationOf(statements: readonly Tree[], name: string): { kind: string; init: Tree } | undefined {
  for (const statement of statements) {
    const { type, kind, declarations } = statement.declaration ?? statement
    if (type !== 'VariableDeclaration') continue
    const found = declarations.find(({ id }: Tree) => id.name === name)
    if (found) return { kind, init: found.init }
  }
  return undefined
}

function declarationIn(nodes: readonly Tree[], name: string, before: number): Tree {
  return nodes.findLast(({ type, id, start }) => type === 'VariableDeclarator' && id.name === name && start < before)
    ?.init
}

function returnsOf(owner: Tree): Tree[] {
  if (owner.body.type !== 'BlockStatement') return [owner.body]
  const isOfOwner = (node: Tree): boolean => {
    let up = node.parent
    while (!isFunction(up)) up = up.parent
    return up === owner
  }
  return owner.file.nodes
    .filter((node: Tree) => node.type === 'ReturnStatement' && node.argument && isOfOwner(node))
    .map(({ argument }: Tree) => argument)
}
