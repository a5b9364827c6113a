import { readdirSync } from 'node:fs'
import { join } from 'node:path'

export const docs: string = join(__dirname, '..')

/** The files below a folder of docs/ whose names end so, relative to it. */
export function filesIn(folder: string, end: string): string[] {
  return readdirSync(join(docs, folder), { encoding: 'utf8', recursive: true }).filter((file) => file.endsWith(end))
}
