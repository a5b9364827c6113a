import Table from 'cli-table3'
import pc from 'picocolors'
import type { Room } from '../behaviour.js'
import type { Asked, Score } from '../black-box/score.js'
import { pathsFor } from '../black-box/server.js'
import { type Need, needs } from '../needs.js'
import { outcome } from '../verdict.js'

/** The report: the table, the broken sentences with their remedies, the sentences that were not tested, and the score. */
export function report(score: Score, colour: boolean): string {
  const { bold, dim, green, red } = pc.createColors(colour)
  const { kept, broken } = counts(score)
  const remedyOf = (one: Asked): string => remedyAfter(score.signal, one)
  const parts = [tableOf(score, colour)]
  for (const room of roomsOf(broken)) {
    const own = broken.filter((one) => one.room === room)
    const lines = unique(own.map(remedyOf)).flatMap((remedy) => [
      ...own
        .filter((one) => remedyOf(one) === remedy)
        .map((one) => `${red('✗')} ${one.behaviour.name}\n  ${dim('saw')} ${whyOf(one)}`),
      `${dim('→')} ${remedy}`,
    ])
    parts.push(`${bold(room.name)}\n${lines.join('\n')}`)
  }
  const left = notAsked(score)
  if (left.length > 0) parts.push(`${bold('Not asked')}\n${left.map((line) => `- ${line}`).join('\n')}`)
  const verdict = `kept ${kept.length} of ${kept.length + broken.length} sentences that were asked; the signal was ${score.signal}`
  parts.push((broken.length === 0 ? green : red)(bold(verdict)))
  return parts.join('\n\n')
}

/** The kept and the broken sentences. */
export function counts({ asked }: Score): { readonly kept: readonly Asked[]; readonly broken: readonly Asked[] } {
  return {
    kept: asked.filter((one) => outcome(one) === 'kept'),
    broken: asked.filter((one) => outcome(one) === 'broken'),
  }
}

/** What would keep the sentence. The texts of the contract are about SIGTERM. */
function remedyAfter(signal: string, { behaviour }: Asked): string {
  return behaviour.remedy.replaceAll('SIGTERM', signal)
}

/** What the client saw. */
function whyOf({ result, again }: Asked): string {
  const last = again ?? result
  return last.outcome === 'kept' ? '' : last.why
}

function tableOf(score: Score, colour: boolean): string {
  const { kept, broken } = counts(score)
  const table = new Table({
    head: ['about', 'kept', 'of'],
    colAligns: ['left', 'right', 'right'],
    style: { head: [], border: [], compact: true },
    wordWrap: false,
  })
  const { green, red } = pc.createColors(colour)
  for (const room of roomsOf(score.asked)) {
    const [good, bad] = [kept, broken].map((list) => list.filter((one) => one.room === room).length) as [number, number]
    if (good + bad > 0) table.push([room.name, (bad === 0 ? green : red)(String(good)), String(good + bad)])
  }
  return table.toString()
}

/** A line for each reason why sentences were not tested, with their number and the flag. */
function notAsked({ asked, notAsked }: Score): string[] {
  const missing = unique(notAsked.map(({ need }) => need)).map((need) => {
    const flag = flagOf(need)
    const sentences = sentencesOf(notAsked.filter((one) => one.need === need).length)
    return `${sentences}: ${needs[need]}${flag === undefined ? '' : `; ${flag} names one`}`
  })
  const late = asked.filter((one) => outcome(one) === 'not asked')
  const whys = unique(late.map(whyOf))
  return [...whys.map((why) => `${sentencesOf(late.filter((one) => whyOf(one) === why).length)}: ${why}`), ...missing]
}

function flagOf(need: Need): string | undefined {
  return need in pathsFor ? `--${pathsFor[need as keyof typeof pathsFor]}` : undefined
}

function sentencesOf(count: number): string {
  return `${count} ${count === 1 ? 'sentence' : 'sentences'}`
}

function roomsOf(list: readonly Asked[]): Room[] {
  return unique(list.map(({ room }) => room))
}

function unique<T>(items: readonly T[]): T[] {
  return [...new Set(items)]
}

/** The report as an object for JSON. */
export function plain(command: readonly string[], score: Score): object {
  const { kept, broken } = counts(score)
  return {
    command,
    speaks: score.look.has.filter((need) => ['http1', 'http2', 'tls'].includes(need)),
    signal: score.signal,
    kept: kept.length,
    of: kept.length + broken.length,
    sentences: score.asked.map((one) => ({
      room: one.room.name,
      sentence: one.behaviour.name,
      outcome: outcome(one),
      ...(outcome(one) !== 'kept' && { saw: whyOf(one) }),
      ...(outcome(one) === 'broken' && { remedy: remedyAfter(score.signal, one) }),
    })),
    notAsked: score.notAsked.map(({ room, behaviour, need }) => ({
      room: room.name,
      sentence: behaviour.name,
      why: needs[need],
      ...(flagOf(need) !== undefined && { flag: flagOf(need) }),
    })),
  }
}
