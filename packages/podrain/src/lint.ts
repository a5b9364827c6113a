import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import {
  AgainstError,
  bytesOf,
  type Config,
  ConfigError,
  fix,
  isAtLeast,
  type LintOptions,
  type LintResult,
  lint,
  lintAgainst,
  minorOf,
  parseConfig,
  readSources,
  renderGithub,
  renderHuman,
  renderJson,
  renderSarif,
  ruleGroups,
  type Severity,
  type Source,
} from '@podrain/manifests'
import pc from 'picocolors'
import { UsageError } from './usage.js'
import { duration } from './values.js'

/** Flags of `podrain lint`. */
export interface LintFlags {
  readonly fix?: true
  readonly format: string
  readonly failOn?: string
  readonly config?: string
  readonly behind?: string
  readonly longestRequest?: number
  readonly kubernetes?: string
  readonly against?: string
  readonly token?: string
  readonly resource?: string
  readonly rules?: true
  readonly color: boolean
}

const usual = ['podrain.yaml', '.podrain.yaml', 'podrain.yml', '.podrain.yml']

/**
 * `podrain lint`. Resolves with the exit code: 0 without a finding at or above `--fail-on`, 1 with one, 2 when a file is not YAML or
 * nothing could be judged.
 * @throws UsageError for wrong flags, files that cannot be read, and an app that cannot be compared (`--against`).
 */
export async function runLint(paths: readonly string[], flags: LintFlags, version: string): Promise<number> {
  const colour = flags.color && pc.isColorSupported
  if (flags.rules === true) {
    process.stdout.write(listOfRules(colour))
    return 0
  }
  if (paths.length === 0) {
    throw new UsageError(
      'No file. Name files or directories, or - for standard input:\n  podrain lint k8s/\n  kustomize build . | podrain lint -',
    )
  }
  for (const name of ['resource', 'token'] as const) {
    if (flags[name] !== undefined && flags.against === undefined) {
      throw new UsageError(`\`--${name}\` goes with \`--against URL\` only`)
    }
  }
  const config = readConfig(flags.config)
  // Not `readFileSync(0)`, which fails with EAGAIN if stdin is non-blocking.
  const { sources, skipped } = read(paths, paths.includes('-') ? await text(process.stdin) : '')
  // No manifest is an error: otherwise CI would pass with a wrong path, or when the command before the pipe failed.
  if (!sources.some(hasContent)) {
    for (const { file, line, what, why } of skipped) {
      process.stderr.write(`skipped ${file}:${line} ${what}: ${why}\n`)
    }
    const hint = paths.includes('-') && skipped.length === 0 ? ': did the command before the pipe fail?' : ''
    throw new UsageError(`There is no manifest in ${paths.join(' ').replace(/^-$/, 'standard input')}${hint}`)
  }
  const options = { ...optionsOf(config, flags), skipped }
  const now = flags.fix === true ? mend(sources, options) : sources
  const result = await look(now, options, flags)
  // With `--fix -`, stdout contains only the fixed text.
  const out = flags.fix === true && paths.includes('-') ? process.stderr : process.stdout
  out.write(render(result, now, flags.format, colour, version))
  for (const { file, line, column, message } of result.problems) {
    process.stderr.write(`error: ${file}:${line}:${column}: ${message}\n`)
  }
  // For the same reason, it is an error if nothing could be judged.
  if (result.problems.length > 0 || result.documents === 0) return 2
  const threshold = (flags.failOn as Severity | undefined) ?? config.failOn ?? 'error'
  return result.findings.some(({ severity }) => isAtLeast(severity, threshold)) ? 1 : 0
}

/** Whether the file contains more than comments and `---` lines. */
function hasContent({ text }: Source): boolean {
  return text.split('\n').some((line) => !/^\s*(#|$|---\s*(#|$))/.test(line))
}

function readConfig(named: string | undefined): Config {
  const file = named ?? usual.find((each) => existsSync(each))
  if (file === undefined) return { ignore: [] }
  try {
    return parseConfig(readFileSync(file, 'utf8'), file, duration)
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message)
    throw new UsageError(`--config: ${(error as Error).message}`)
  }
}

/** The options of the config file, overridden by the flags. */
function optionsOf(config: Config, flags: LintFlags): LintOptions {
  const behind = (flags.behind as LintOptions['behind']) ?? config.behind
  const longestRequest = flags.longestRequest ?? config.longestRequest
  const kubernetes = flags.kubernetes === undefined ? config.kubernetes : minorOf(flags.kubernetes)
  if (flags.kubernetes !== undefined && kubernetes === undefined) {
    throw new UsageError(`Expected \`--kubernetes\` to be a version such as 1.29, got \`${flags.kubernetes}\``)
  }
  return {
    ignore: config.ignore,
    ...(behind !== undefined && { behind }),
    ...(longestRequest !== undefined && { longestRequest }),
    ...(kubernetes !== undefined && { kubernetes }),
  }
}

function read(paths: readonly string[], stdin: string): ReturnType<typeof readSources> {
  try {
    return readSources(paths, stdin)
  } catch (error) {
    const { code, path, message } = error as NodeJS.ErrnoException
    throw new UsageError(code === 'ENOENT' ? `There is no file or directory ${path}` : message)
  }
}

/** Writes the fixed files, and returns the fixed sources. */
function mend(sources: readonly Source[], options: LintOptions): Source[] {
  return fix(sources, options).map(({ source, text }) => {
    if (source.file === '<stdin>') process.stdout.write(text)
    else if (text !== source.text) {
      const bytes = bytesOf(text, source.encoding)
      if (bytes === undefined) {
        process.stderr.write(`not fixed ${source.file}: some of its bytes are not UTF-8. Save it as UTF-8 first\n`)
        return source
      }
      writeFileSync(source.file, bytes)
      process.stderr.write(`fixed ${source.file}\n`)
    }
    return { ...source, text }
  })
}

async function look(sources: readonly Source[], options: LintOptions, flags: LintFlags): Promise<LintResult> {
  const { against: url, resource } = flags
  if (url === undefined) return lint(sources, options)
  const token = flags.token ?? process.env.PODRAIN_TOKEN
  try {
    return await lintAgainst(sources, {
      ...options,
      url,
      ...(token !== undefined && { token }),
      ...(resource !== undefined && { resource }),
    })
  } catch (error) {
    if (error instanceof AgainstError) throw new UsageError(error.message)
    throw error
  }
}

function render(
  result: LintResult,
  sources: readonly Source[],
  format: string,
  colour: boolean,
  version: string,
): string {
  if (format === 'json') return renderJson(result)
  if (format === 'sarif') return renderSarif(result, version)
  if (format === 'github') return renderGithub(result)
  return `${renderHuman(result, sources, { colour })}\n`
}

function listOfRules(colour: boolean): string {
  const { bold, dim } = pc.createColors(colour)
  const width = Math.max(...ruleGroups.flatMap(({ rules }) => rules.map(({ id }) => id.length)))
  return ruleGroups
    .map(({ title, rules }) => {
      const lines = rules.map((rule) => `  ${rule.id.padEnd(width)}  ${dim(rule.severity.padEnd(7))}  ${rule.title}\n`)
      return `${bold(title)}\n${lines.join('')}`
    })
    .join('\n')
}
