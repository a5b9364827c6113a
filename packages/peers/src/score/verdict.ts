import type { Verdict as AnyVerdict, Behaviour, Result, Room, Subject } from '@podrain/contract'
import { type OurNeed, whyNotAsked } from '../behaviours/behaviour.js'
import { rooms } from '../behaviours/index.js'
import type { Peer } from '../subjects/peers.js'

/** A sentence of the contract, and a server that is tested for it. */
export interface Case {
  readonly peer: Peer
  readonly subject: Subject
  readonly room: Room<OurNeed>
  readonly behaviour: Behaviour<OurNeed>
}

export type Verdict = Case & AnyVerdict

/**
 * All behaviours for all rows, in the order of the table.
 * @param only Texts. Only rows whose name contains one of them.
 * @param sentence Only behaviours whose name contains this text.
 * @throws {RangeError} if a text matches nothing, because an empty score would look like one without broken sentences
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

/** The result of a behaviour that does not apply to the server; undefined if it must be tested. */
export function unaskable({ behaviour, subject }: Case): Result | undefined {
  const why = whyNotAsked(behaviour, subject.has)
  return why === undefined ? undefined : { outcome: 'not asked', why }
}
