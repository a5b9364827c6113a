/**
 * One look at one server, in a process of its own: what is under test replaces `process.exit`, listens for signals and may
 * fail or hang.
 *
 *     node child.js <row> <room> <behaviour>
 */
import { type Result, resultOf, runInside, type Subject } from '@podrain/contract'
import { peers } from '../subjects/peers.js'
import { casesOf } from './verdict.js'

const { exit } = process
const [row, place, sentence] = process.argv.slice(2)

/** Shorter than elsewhere: alone, even a slow machine does not need more, and half of the sentences run into it. */
const grace = 5000

/** Milliseconds for which clients may still read what was sent. What has not shown then, will not. */
const aftermath = 4000

function report(result: Result): void {
  process.send?.(result, () => exit.call(process, 0))
}

function fail(error: unknown): void {
  report(resultOf(error))
}

/** Waits for nothing that cannot come any more. */
function impatient(subject: Subject): Subject {
  return {
    ...subject,
    start: async (application) => {
      const running = await subject.start(application)
      const terminate = async (): Promise<number> => {
        const code = await running.terminate()
        setTimeout(() => fail(`nothing to see for ${aftermath} ms after its end with exit code ${code}`), aftermath)
        return code
      }
      return { ...running, terminate }
    },
  }
}

process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)
process.on('disconnect', () => exit.call(process, 1))

const found = casesOf(peers).find(
  ({ subject, room, behaviour }) => subject.name === row && room.name === place && behaviour.name === sentence,
)
if (!found) throw new Error(`no row “${row}” with “${sentence}”`)
runInside(found.behaviour, impatient(found.subject), { grace }).then(() => report({ outcome: 'kept' }), fail)
