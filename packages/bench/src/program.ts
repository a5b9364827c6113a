import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Runs a program of this package in its own process. Returns the JSON that the program prints. */
export async function run<Data>(name: string, ...args: (string | number)[]): Promise<Data> {
  const command = [join(__dirname, `${name}.js`), ...args.map(String)]
  const { stdout } = await promisify(execFile)(process.execPath, command, { maxBuffer: 1e8 })
  return JSON.parse(stdout)
}
