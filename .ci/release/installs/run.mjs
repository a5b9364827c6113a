import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/**
 * Runs a command without the variables that the package manager sets for its scripts. Resolves with its stdout.
 * @throws {Error} if the command fails, with the end of its output
 */
export async function run(cwd, command, args, env = {}) {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm|pnpm)_(?!config_registry)|^NODE_ENV$/i.test(name),
  )
  const options = { cwd, env: { ...Object.fromEntries(inherited), ...env }, timeout: 600_000, maxBuffer: 2 ** 26 }
  const { stdout } = await promisify(execFile)(command, args, options).catch(({ message, stdout, stderr }) => {
    throw new Error(`${message.split('\n')[0]}\n${`${stdout}${stderr}`.slice(-3000)}`)
  })
  return stdout
}

/** Why a step failed; undefined if it did not. */
export function complaintOf(step) {
  return step.then(
    () => undefined,
    ({ message }) => message,
  )
}
