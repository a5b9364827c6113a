/**
 * Tests one server for one behaviour, in its own process, because the library under test replaces `process.exit`, listens to signals
 * and may fail or hang.
 *
 *     node child.js <row> <room> <behaviour>
 */
import { type Result, resultOf, runInside, type Subject } from '@podrain/contract'
import { peers } from '../subjects/peers.js'
import { casesOf } from './verdict.js'

const { exit } = process
const [row, place, sentence] = process.argv.slice(2)

/** A short grace period, because half of the sentences last until its end. With one test per process, a slow machine needs no more. */
const grace = 5000

/** Milliseconds after the exit in which clients may still read what was sent. */
const readTime = 4000

function report(result: Result): void {
  process.send?.(result, () => exit.call(process, 0))
}

function fail(error: unknown): void {
  report(resultOf(error))
}

/** Ends the test soon after the exit of the server, because clients can then receive nothing more. */
function withReadTime(subject: Subject): Subject {
  return {
    ...subject,
    start: async (application) => {
      const running = await subject.start(application)
      const terminate = async (): Promise<number> => {
        const code = await running.terminate()
        setTimeout(() => fail(`nothing to see for ${readTime} ms after its end with exit code ${code}`), readTime)
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
runInside(found.behaviour, withReadTime(found.subject), { grace }).then(() => report({ outcome: 'kept' }), fail)
