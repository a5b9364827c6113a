import { AssertionError } from 'node:assert'
import { inspect } from 'node:util'
import type { Behaviour, Room } from '../behaviour.js'
import { rooms } from '../behaviours/index.js'
import { killed } from '../libraries/library.js'
import { type Result, senseless } from '../run.js'
import type { Subject } from '../subject.js'
import type { Peer } from '../subjects/peers.js'

/** A sentence of the contract, and a server to hold to it. */
export interface Case {
  readonly peer: Peer
  readonly subject: Subject
  readonly room: Room
  readonly behaviour: Behaviour
}

export interface Verdict extends Case {
  readonly result: Result
  /** Of a second run, alone, where the first one said “broken”. */
  readonly again?: Result
}

/**
 * Every behaviour with every row, in the order of the table.
 * @param only parts of the names of rows, any of which will do
 * @param sentence a part of a behaviour's name
 * @throws {RangeError} if a part fits nothing: a score of nothing would look like one without a fault
 */
export function casesOf(peers: readonly Peer[], only: readonly string[] = [''], sentence = ''): Case[] {
  const names = peers.flatMap(({ subjects }) => subjects.map(({ name }) => name))
  for (const part of only) fits('row', names, part)
  fits(
    'sentence',
    rooms.flatMap(({ behaviours }) => behaviours.map(({ name }) => name)),
    sentence,
  )
  return peers.flatMap((peer) =>
    peer.subjects
      .filter(({ name }) => only.some((part) => name.includes(part)))
      .flatMap((subject) =>
        rooms.flatMap((room) =>
          room.behaviours
            .filter(({ name }) => name.includes(sentence))
            .map((behaviour) => ({ peer, subject, room, behaviour })),
        ),
      ),
  )
}

function fits(what: string, names: readonly string[], part: string): void {
  if (names.some((name) => name.includes(part))) return
  throw new RangeError(`Expected a part of one of these ${what}s, got “${part}”:\n${names.join('\n')}`)
}

/** The verdict that needs no run, if there is one. */
export function unaskable({ behaviour, subject }: Case): Result | undefined {
  const why = senseless(behaviour, subject)
  return why === undefined ? undefined : { outcome: 'senseless', why }
}

/** What counts: broken is what was broken both times. */
export function outcome({ result, again }: Verdict): Result['outcome'] {
  return result.outcome === 'broken' ? (again ?? result).outcome : result.outcome
}

/** On one line, with what was seen and what was expected, and without what differs from run to run. */
export function reasonOf(error: unknown): string {
  const line = describe(error)
    .replace(/\s+/g, ' ')
    .replace(/ 127\.0\.0\.1:\d+/g, '')
    .replace(/date: [^\\]*GMT\\r\\n/gi, '')
    .replace(/(\d+) ms of (\d+)/, (_, took, whole) => `${(took / 1000).toFixed(1)} s of ${whole / 1000}`)
  return line.length > 200 ? `${line.slice(0, 200)} …` : line
}

function describe(error: unknown): string {
  if (!(error instanceof AssertionError)) return error instanceof Error ? error.message : String(error)
  const { generatedMessage, operator, actual, expected } = error
  const [message = ''] = error.message.split('\n')
  const what = generatedMessage ? '' : `${message}: `
  const saw = `${what}${show(actual)}${actual === killed ? ' (SIGKILL)' : ''}`
  switch (operator) {
    case 'strictEqual':
    case 'deepStrictEqual':
      return `${saw} in place of ${show(expected)}`
    case 'notStrictEqual':
      return `${saw}, which it must not be`
    case 'match':
      return `${saw} is not like ${expected}`
    default:
      return message
  }
}

function show(value: unknown): string {
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY, maxStringLength: 120, maxArrayLength: 10 })
}
