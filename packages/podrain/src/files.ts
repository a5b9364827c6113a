import { accessSync, constants, mkdirSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { UsageError } from './usage.js'

/**
 * Sees to it that a file can be written later, and makes the directory it goes to: nobody wants to learn that after a minute.
 * @throws UsageError naming the flag.
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

/** Whether it is there and no file, as /dev/null: then one result does not overwrite another. */
export function isDevice(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === false
}

/**
 * Makes a directory, and those it is in.
 * @throws UsageError naming the flag.
 */
export function prepareDirectory(flag: string, directory: string): void {
  try {
    makeDirectory(resolve(directory))
  } catch (error) {
    throw new UsageError(`\`${flag}\` cannot be written: ${(error as Error).message}`)
  }
}

/** Not by `recursive`, which never returns where the system says that nothing can be made, as in /proc. */
function makeDirectory(directory: string): void {
  const there = statSync(directory, { throwIfNoEntry: false })
  if (there?.isDirectory() === true) return
  if (there !== undefined) throw new Error(`${directory} is a file`)
  makeDirectory(dirname(directory))
  mkdirSync(directory)
}

/** Writes a result to a file, or with `-` to stdout. */
export async function writeResult(file: string, content: string): Promise<void> {
  const text = content.endsWith('\n') ? content : `${content}\n`
  if (file === '-') process.stdout.write(text)
  else await writeFile(file, text)
}
