import { closeSync, openSync, writeFileSync } from 'node:fs'
import { CommanderError } from 'commander'
import pc from 'picocolors'
import { killAll } from '../black-box/process.js'
import { hold } from '../black-box/score.js'
import { createProgram } from './program.js'
import { counts, plain, report } from './report.js'

async function main(argv: readonly string[]): Promise<void> {
  const dashes = argv.indexOf('--')
  const own = dashes === -1 ? argv : argv.slice(0, dashes)
  const command = dashes === -1 ? [] : argv.slice(dashes + 1)
  const program = createProgram(command, async (server, { jobs, sentence, json, color }) => {
    // The run takes minutes: a file that cannot be written is told before it.
    if (json !== undefined && json !== '-') closeSync(openSync(json, 'a'))
    let done = 0
    const score = await hold(server, { jobs, sentence }, (asked, all) => {
      if (asked.again === undefined) done++
      if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${all}${done === all ? '\n' : ''}`)
    })
    const written = json === undefined ? '' : `${JSON.stringify(plain(command, score), null, 2)}\n`
    if (json !== undefined && json !== '-') writeFileSync(json, written)
    process.stdout.write(json === '-' ? written : `${report(score, color && pc.isColorSupported)}\n`)
    const { kept, broken } = counts(score)
    if (kept.length + broken.length === 0) throw new Error('Nothing could be asked: no sentence has a score')
    process.exitCode = broken.length > 0 ? 1 : 0
  })
  try {
    await program.parseAsync(own, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2
    } else {
      process.stderr.write(`error: ${(error as Error).message}\n`)
      process.exitCode = 2
    }
  }
}

let isLost = false
// A reader that has enough closes its pipe, as `head` does. The run goes on, because its exit code counts.
process.stderr.on('error', () => {})
process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE') return
  process.stderr.write(`error: stdout was not written: ${message}\n`)
  isLost = true
})
// The test of a broken sentence does not wait for its other requests, which then fail, too.
process.on('unhandledRejection', () => {})
process.on('rejectionHandled', () => {})
process.on('exit', () => {
  if (isLost) process.exitCode = 2
  // No server may outlive this process, however it ends.
  killAll()
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killAll()
    process.kill(process.pid, signal)
  })
}
void main(process.argv.slice(2))
