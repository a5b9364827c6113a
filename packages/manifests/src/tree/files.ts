import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { isMap, parseAllDocuments, visit } from 'yaml'
import type { Source } from '../text/source.js'
import { isKustomization, kustomizationNames, neededBy } from './kustomization.js'

/** A file that was not looked at, and why. */
export interface Skipped {
  readonly file: string
  readonly why: string
}

const ending = /\.(ya?ml|json)$/i

/** Of no manifest, and often large. */
const foreign = new Set(['node_modules', '.git', '.terraform'])

/**
 * Reads files and directories, these with all manifests in them, and what kustomizations in them need from elsewhere. With a
 * file comes what the kustomization beside it makes of it. The sources of a Helm chart are no YAML: they are passed over, and
 * told of.
 * @param stdin What the path `-` stands for
 * @throws the error of the file system if one that was named cannot be read
 */
export function readSources(paths: readonly string[], stdin = ''): { sources: Source[]; skipped: Skipped[] } {
  const sources: Source[] = []
  const skipped: Skipped[] = []
  const seen = new Set<string>()
  const read = (given: string, wasNamed: boolean, context = false) => {
    const path = normalize(given)
    if (seen.has(path)) return
    const text = path === '-' ? stdin : readFileSync(path, 'utf8')
    // Settings, values, lockfiles: YAML or JSON of many kinds, and none of it ours, unless a kustomization needs it.
    if (!wasNamed && !isKustomization(path) && !/\bkind["']?\s*:/.test(text)) return
    seen.add(path)
    const file = path === '-' ? '<stdin>' : path
    if (isTemplate(file, text)) {
      skipped.push({ file, why: 'a Helm template; lint what comes of it: helm template … | podrain lint -' })
    } else {
      sources.push({ file, text, ...(context && { context }) })
    }
  }
  const readNeeded = (source: Source) => {
    for (const path of neededBy(source)) {
      const files = isDirectory(path) ? kustomizationNames.map((name) => join(path, name)) : [path]
      for (const file of files) if (isFile(file)) read(file, true, source.context)
    }
  }
  const walk = (directory: string) => {
    const entries = readdirSync(directory, { withFileTypes: true }).sort((one, other) =>
      one.name < other.name ? -1 : 1,
    )
    for (const entry of entries) {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) {
        if (!foreign.has(entry.name)) walk(path)
      } else if (isKustomization(path) || (ending.test(entry.name) && !isOurs(entry.name) && isFile(path))) {
        read(path, false)
      }
    }
  }
  const named = paths.filter((path) => path === '-' || !statSync(path).isDirectory())
  for (const path of paths) {
    if (named.includes(path)) read(path, true)
    else walk(path)
  }
  for (const path of named) {
    const beside = kustomizationNames.map((name) => join(dirname(path), name)).find(isFile)
    if (path === '-' || beside === undefined) continue
    const kustomization = { file: beside, text: readFileSync(beside, 'utf8') }
    if (neededBy(kustomization).includes(normalize(path))) read(beside, true, true)
  }
  // What is read so may be a kustomization, too, and need more: the list grows while it is gone through.
  for (const source of sources) readNeeded(source)
  return { sources, skipped }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

/** Lockfiles and the like are JSON and YAML, too, and megabytes of it. */
function isOurs(name: string): boolean {
  return /^(package(-lock)?\.json|pnpm-lock\.yaml|tsconfig.*\.json|\.?podrain\.ya?ml)$/.test(name)
}

/** A template of Helm: by the chart it is in, or because it has `{{` where YAML has a value. To YAML that is a map as a key. */
export function isTemplate(file: string, text: string): boolean {
  if (!text.includes('{{')) return false
  let directory = dirname(file)
  for (let up = 0; up < 4; up++, directory = dirname(directory)) {
    if (/(^|[\\/])templates$/.test(directory) && existsSync(join(dirname(directory), 'Chart.yaml'))) return true
  }
  const documents = parseAllDocuments(text, { logLevel: 'silent' })
  if (!Array.isArray(documents)) return false
  let hasMapAsKey = false
  for (const document of documents) {
    visit(document, {
      Pair(_, { key }) {
        if (!isMap(key)) return undefined
        hasMapAsKey = true
        return visit.BREAK
      },
    })
  }
  return hasMapAsKey || documents.some(({ errors }) => errors.length > 0)
}
