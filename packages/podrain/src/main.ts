import { CommanderError } from 'commander'
import { Ended } from './ending.js'
import { createProgram } from './program.js'

/** A closed pipe (`| head`) or terminal must not end a rehearsal with EPIPE. */
function ignoreClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
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

ignoreClosedOutput()
void main(process.argv.slice(2))
