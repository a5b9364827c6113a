import { accessSync, constants, mkdirSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { UsageError } from './usage.js'

/**
 * Checks that a file can be written after the rehearsal, and creates its directory, so that an error shows before the rehearsal begins.
 * @throws UsageError that names the flag.
 */
export function prepareFile(flag: string, file: string): void {
  const directory = dirname(resolve(file))
  prepareDirectory(flag, directory)
  try {
    const there = statSync(file, { throwIfNoEntry: false })
    if (there?.isDirectory() === true) throw new Error(`${file} is a directory`)
    accessSync(there === undefined ? directory : file, constants.W_OK)
  } catch (error) {
    throw new UsageError(`\`${flag}\` cannot be written: ${(error as Error).message}`)
  }
}

/** Whether it exists and is not a regular file, such as /dev/null. Several results may be written to it. */
export function isDevice(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === false
}

/**
 * Creates a directory and its parents.
 * @throws UsageError that names the flag.
 */
export function prepareDirectory(flag: string, directory: string): void {
  try {
    makeDirectory(resolve(directory))
  } catch (error) {
    throw new UsageError(`\`${flag}\` cannot be written: ${(error as Error).message}`)
  }
}

/** Without `recursive`, which never returns where no directory can be created, as in /proc. */
function makeDirectory(directory: string): void {
  const there = statSync(directory, { throwIfNoEntry: false })
  if (there?.isDirectory() === true) return
  if (there !== undefined) throw new Error(`${directory} is a file`)
  makeDirectory(dirname(directory))
  mkdirSync(directory)
}

/** Writes a result to a file, or to stdout if `file` is `-`. */
export async function writeResult(file: string, content: string): Promise<void> {
  const text = content.endsWith('\n') ? content : `${content}\n`
  if (file === '-') process.stdout.write(text)
  else await writeFile(file, text)
}
