import { CommanderError } from 'commander'
import { Ended } from './ending.js'
import { createProgram } from './program.js'

/** A reader that has enough closes its pipe, as `head` does. Any other error of stdout, such as a full disk, means that the result is lost. */
function watchOutput(): void {
  process.stderr.on('error', () => {})
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') return
    process.stderr.write(`error: stdout was not written: ${message}\n`)
    // The command sets its own exit code when it is done.
    process.once('exit', () => {
      process.exitCode = 2
    })
  })
}

async function main(argv: readonly string[]): Promise<void> {
  const dashes = argv.indexOf('--')
  const own = dashes === -1 ? argv : argv.slice(0, dashes)
  const program = createProgram(dashes === -1 ? undefined : argv.slice(dashes + 1), (code) => {
    process.exitCode = code
  })
  try {
    await program.parseAsync(own, { from: 'user' })
  } catch (error) {
    if (error instanceof Ended) {
      // Ends this process by the same signal, so that its sender sees that.
      process.kill(process.pid, error.signal)
    } else if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2
    } else {
      process.stderr.write(`error: ${(error as Error).message}\n`)
      process.exitCode = 2
    }
  }
}

watchOutput()
void main(process.argv.slice(2))
