import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type ManifestOptions, usualHook, type Written, writeFiles } from '@podrain/manifests'
import { prepareDirectory } from './files.js'
import { UsageError } from './usage.js'

/** Flags of `podrain manifest`. All but `out` have the names of the engine's options. */
export interface ManifestFlags extends ManifestOptions {
  readonly out?: string
}

/** `podrain manifest`. Returns the exit code 0. @throws UsageError for wrong flags, or a file that exists or cannot be written. */
export function runManifest({ out, ...options }: ManifestFlags): number {
  const { controlPort, behind, hook = usualHook(behind) } = options
  if (controlPort !== undefined && hook !== 'control-port') {
    throw new UsageError('`--control-port` goes with `--hook control-port` only')
  }
  const files = written(options)
  if (out !== undefined) {
    for (const { file, text } of files) writeNew(join(out, file), text)
    return 0
  }
  if (files.length > 1) {
    const names = files.map(({ file }) => file).join(', ')
    throw new UsageError(`\`--kind ${options.kind}\` is ${files.length} files (${names}): say where to, with --out`)
  }
  for (const { text } of files) process.stdout.write(text)
  return 0
}

function written(options: ManifestOptions): Written[] {
  try {
    return writeFiles(options)
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(inFlags(error.message))
    throw error
  }
}

/** Writes a file that does not exist yet: an existing one may have been edited. */
function writeNew(file: string, text: string): void {
  prepareDirectory('--out', dirname(file))
  try {
    writeFileSync(file, text, { flag: 'wx' })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new UsageError(`--out: ${code === 'EEXIST' ? `${file} is there already` : message}`)
  }
  process.stderr.write(`written ${file}\n`)
}

/** Replaces option names by flags: `longestRequest` by `--longest-request`. */
function inFlags(message: string): string {
  return message.replace(/`([a-z]+[a-zA-Z]*)`(?= to be|,)/g, (_, name: string) => {
    return `\`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}\``
  })
}
