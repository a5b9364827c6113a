import type { Behaviour, Room } from '../behaviour.js'
import { rooms } from '../behaviours/index.js'
import type { Need } from '../needs.js'
import { missing, type Result, resultOf, run } from '../run.js'
import { askAll, type Verdict } from '../verdict.js'
import { type FirstLook, lookAt } from './first-look.js'
import { NoServer, type Server, type Signal } from './server.js'
import { BlackStage } from './stage.js'

/** A sentence that was tested, with its verdict. */
export interface Asked extends Verdict {
  readonly room: Room
  readonly behaviour: Behaviour
}

/** The result of one server. */
export interface Score {
  /** The signal that told the server to end. */
  readonly signal: Signal
  readonly look: FirstLook
  readonly asked: readonly Asked[]
  /** Sentences that could not be tested, with what the server would need. */
  readonly notAsked: readonly { readonly room: Room; readonly behaviour: Behaviour; readonly need: Need }[]
}

/**
 * Tests a server for every sentence whose needs it meets.
 * @param jobs The number of tests that run at the same time.
 * @param sentence Only sentences that contain this text. By default all sentences.
 * @param told Called with each verdict.
 * @throws {NoServer} if the command does not become a server
 * @throws {RangeError} if no sentence contains the text
 */
export async function hold(
  server: Server,
  { jobs, sentence = '' }: { readonly jobs: number; readonly sentence?: string | undefined },
  told: (asked: Asked, all: number) => void,
): Promise<Score> {
  if (!rooms.some(({ behaviours }) => behaviours.some(({ name }) => name.includes(sentence)))) {
    throw new RangeError(`--sentence takes a part of a sentence, got “${sentence}”`)
  }
  const look = await lookAt(server)
  const all = rooms.flatMap((room) =>
    room.behaviours
      .filter(({ name }) => name.includes(sentence))
      .map((behaviour) => ({ room, behaviour, need: missing(behaviour, look.has) })),
  )
  const cases = all.filter(({ need }) => need === undefined)
  const asked = await askAll(
    cases,
    jobs,
    ({ behaviour }) => ask(behaviour, server, look),
    (verdict) => told(verdict, cases.length),
  )
  const notAsked = all.flatMap((one) => (one.need === undefined ? [] : [{ ...one, need: one.need }]))
  return { signal: server.signal, look, asked, notAsked }
}

/** Repeats a test once if the server has not reached the state that the sentence is about, because this machine may have been too slow. */
async function ask(behaviour: Behaviour, server: Server, look: FirstLook): Promise<Result> {
  const first = await askOnce(behaviour, server, look)
  return first.outcome === 'not asked' ? askOnce(behaviour, server, look) : first
}

async function askOnce(behaviour: Behaviour, server: Server, look: FirstLook): Promise<Result> {
  const set = () => BlackStage.set(server, look, !behaviour.needs.includes('http1'))
  try {
    await run(behaviour, set)
    return { outcome: 'kept' }
  } catch (error) {
    // That it did not start says nothing of its end.
    return error instanceof NoServer ? { outcome: 'not asked', why: error.message } : resultOf(error)
  }
}
