import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, resolve } from 'node:path'

/** The file that is executed for a command, searched as `execvp` does; undefined if there is none. */
export function findProgram(
  name: string,
  path: string = process.env.PATH ?? '',
  cwd: string = process.cwd(),
): string | undefined {
  const directories = name.includes('/') ? [''] : path.split(delimiter)
  return directories.map((directory) => resolve(cwd, directory, name)).find(isProgram)
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
