import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'oxc-parser'

/** A public member of an interface or a class, with its docstring. */
export interface Member {
  readonly name: string
  /** The type in the source. */
  readonly type: string
  /** The docstring without its tags. */
  readonly text: string
  /** The tag `@default`. */
  readonly fallback: string | undefined
}

const packages = join(__dirname, '..', '..')

/**
 * The members of an interface or class, in the order of the source.
 * @param path The path of the file below packages/, such as `core/src/options.ts`.
 * @throws {Error} if the file has no interface or class of that name
 */
export function membersOf(path: string, name: string): Member[] {
  const source = readFileSync(join(packages, path), 'utf8')
  const { program, comments } = parseSync(path, source)
  const declarations = program.body.map((each) => ('declaration' in each && each.declaration ? each.declaration : each))
  const owner = declarations.find((each) => 'id' in each && each.id && 'name' in each.id && each.id.name === name)
  if (owner?.type !== 'TSInterfaceDeclaration' && owner?.type !== 'ClassDeclaration')
    throw new Error(`${path} has no interface and no class ${name}`)
  return owner.body.body.flatMap((member) => {
    if (!('key' in member) || member.key.type !== 'Identifier' || member.key.name === 'constructor') return []
    const comment = comments.find(({ end }) => end <= member.start && source.slice(end, member.start).trim() === '')
    const docstring = comment?.type === 'Block' ? wordsOf(comment.value) : ''
    const [text = '', ...tags] = docstring.split(/(?:^|\s)@(?=(?:default|throws|param|returns|example)\b)/)
    const annotation = 'typeAnnotation' in member && member.typeAnnotation
    return [
      {
        name: member.key.name,
        type: annotation
          ? source.slice(annotation.start, annotation.end).replace(/^:\s*/, '').replace(/\s+/g, ' ')
          : '',
        text: text.trim(),
        fallback: tags.find((tag) => tag.startsWith('default'))?.replace(/^default\s+/, ''),
      },
    ]
  })
}

/** A comment in one line. */
function wordsOf(comment: string): string {
  return comment
    .replace(/^\s*\*+ ?/gm, '')
    .replace(/\s+/g, ' ')
    .trim()
}
