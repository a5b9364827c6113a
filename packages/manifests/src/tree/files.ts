import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { textIn } from '../text/encoding.js'
import type { Skipped } from '../text/skipped.js'
import { Manifest, type Source } from '../text/source.js'
import { chartOf, isChart, render } from './chart.js'
import { isKustomization, kustomizationNames, neededBy } from './kustomization.js'

const ending = /\.(ya?ml|json)$/i

/** Directories without manifests, which are often large. */
const foreign = new Set(['node_modules', '.git', '.terraform'])

/**
 * Reads files, and all manifests in directories, and the files elsewhere that their kustomizations need. If a named file is part of a
 * kustomization in its directory, that is read too. A Helm chart in a directory is rendered by Helm, where it is installed. A file in
 * a directory that is not valid YAML is skipped, unless it seems to be a Kubernetes object.
 * @param paths Files, directories, or `-` for `stdin`.
 * @param stdin The text for the path `-`. @default ''
 * @throws The error of the file system if a named file or directory cannot be read.
 */
export function readSources(paths: readonly string[], stdin = ''): { sources: Source[]; skipped: Skipped[] } {
  const sources: Source[] = []
  const skipped: Skipped[] = []
  const seen = new Set<string>()
  const read = (given: string, wasNamed: boolean, context = false) => {
    const path = normalize(given)
    if (seen.has(path)) return
    const content = path === '-' ? { text: stdin } : textIn(readFileSync(path))
    // Other YAML and JSON, such as settings, values and lockfiles, is left out unless a kustomization needs it.
    if (!wasNamed && !isKustomization(path) && !/\bkind["']?\s*[:：]/.test(content.text)) return
    seen.add(path)
    const source: Source = { file: path === '-' ? '<stdin>' : path, ...content, ...(context && { context }) }
    const other = wasNamed ? templateOfChart(source) : (templateOfChart(source) ?? noObject(source))
    if (other === undefined) sources.push(source)
    else skipped.push(other)
  }
  const readChart = (directory: string) => {
    if (seen.has(normalize(directory))) return
    seen.add(normalize(directory))
    const rendered = render(directory)
    if (Array.isArray(rendered)) sources.push(...rendered)
    else skipped.push(rendered)
  }
  const readNeeded = (source: Source) => {
    for (const path of neededBy(source)) {
      const files = isDirectory(path) ? kustomizationNames.map((name) => join(path, name)) : [path]
      for (const file of files) if (isFile(file)) read(file, true, source.context)
    }
  }
  const walk = (directory: string, isInChart = false) => {
    const isOfChart = !isInChart && isChart(directory)
    if (isOfChart) readChart(directory)
    const entries = readdirSync(directory, { withFileTypes: true }).sort((one, other) =>
      one.name < other.name ? -1 : 1,
    )
    for (const entry of entries) {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) {
        // Templates are already rendered, or the chart is skipped.
        const isRendered = isOfChart && (entry.name === 'templates' || entry.name === 'charts')
        if (!foreign.has(entry.name) && !isRendered) walk(path, isInChart || isOfChart)
      } else if (
        isKustomization(path) ||
        (ending.test(entry.name) && !isForeign(entry.name, isOfChart) && isFile(path))
      ) {
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
  // The list grows during this loop, because a file that is read may be a kustomization and need more files.
  for (const source of sources) readNeeded(source)
  return { sources, skipped }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

/** Whether a file contains no manifests by its name: lockfiles and settings, and the values of a chart, which may have any key. */
function isForeign(name: string, isOfChart: boolean): boolean {
  if (isOfChart && /^(Chart|requirements|values.*)\.(ya?ml|json)$/.test(name)) return true
  return /^(package(-lock)?\.json|pnpm-lock\.yaml|tsconfig.*\.json|\.?podrain\.ya?ml)$/.test(name)
}

/** A template that was named without its chart. Unrendered, it is not YAML. */
function templateOfChart({ file, text }: Source): Skipped | undefined {
  const chart = text.includes('{{') ? chartOf(file) : undefined
  if (chart === undefined) return undefined
  return { file, line: 1, what: 'a template of a Helm chart', why: `lint the chart: podrain lint ${chart}` }
}

/** A file with syntax errors that is not a Kubernetes object, such as settings of an editor (JSON with comments). */
function noObject(source: Source): Skipped | undefined {
  if (/\bapiVersion["']?\s*[:：]/.test(source.text)) return undefined
  const [problem] = new Manifest(source).problems
  if (problem === undefined) return undefined
  return { file: source.file, line: problem.line, what: 'a file that is no YAML', why: problem.message }
}
