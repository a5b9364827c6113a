import { readFileSync } from 'node:fs'
import path from 'node:path'
import { outcome } from '@podrain/contract'
import type { Verdict } from './verdict.js'

/** The run whose result the page shows. */
export interface Run {
  readonly seconds: number
  readonly node: string
  readonly date: string
  readonly options: readonly string[]
}

/** The scores as a Markdown page, in the order of the verdicts. */
export function page(verdicts: readonly Verdict[], run: Run): string {
  return `${[
    '# podrain and its peers',
    introduction(verdicts, run),
    '## What is kept',
    table(verdicts),
    '## How each is wired',
    wiring(verdicts),
    '## What each breaks',
    ...broken(verdicts),
    '## What is not tested, and why',
    notAsked(verdicts),
    '## What was not broken twice',
    unsteady(verdicts),
  ].join('\n\n')}\n`
}

function introduction(verdicts: readonly Verdict[], { seconds, node, date, options }: Run): string {
  const asked = verdicts.filter(({ result }) => result.outcome !== 'not asked').length
  const first = verdicts.filter(({ result }) => result.outcome === 'broken').length
  const differed = verdicts.filter(differs).length
  return [
    'For whoever compares podrain with other shutdown libraries. Each sentence says what clients may expect of a server that is told to end.',
    `Each sentence is tested on each server with real sockets, every time in a new process. Measured on ${date} with Node ${node} in ${Math.ceil(seconds / 60)} min by`,
    '',
    '```sh',
    `npx -y pnpm@10.34.9 ${['contract:peers', ...options].join(' ')}`,
    '```',
    '',
    'podrain’s authors wrote the sentences ([packages/contract](../../packages/contract)) and chose them. The servers are in',
    '[packages/peers](../../packages/peers). No server is tested for what only podrain has: a count of requests, a signal',
    'for handlers, control endpoints. All libraries get the same sentences for the same kind of server. Each library is set up as its',
    'own README advises. A library that can wait for load balancers does so. With a `preStop` hook that sleeps, the requests in the',
    'column “Requests and exit” would come before the signal, as the row “server.close() after a sleep” shows. A process that still runs at the end of its grace period gets',
    'SIGKILL, as from a kubelet, and has the exit code 137. The grace period is 5 s in place of 30 s. So the servers of Node keep idle',
    'connections for 1 s in place of 5 s.',
    '',
    'A sentence about a new connection after the wait for load balancers is not tested on a server that has closed its listener by then. A',
    'closed listener loses requests, and another sentence says so. One cause can still break several sentences. So read',
    'the reasons below before the numbers.',
    '',
    `There were ${asked} tests, and ${first} of them failed. Each of these was run once more, with no other test beside it. A sentence counts as`,
    `broken only if both runs failed. ${differed} sentences failed once and count as kept. The rule is the same for all servers.`,
  ].join('\n')
}

/** The table of kept sentences, by row and room. */
export function table(verdicts: readonly Verdict[]): string {
  const rooms = unique(verdicts.filter(isAsked).map(({ room }) => room.name))
  const lines = [
    ['', 'kept', ...rooms],
    ['---', ...['', ...rooms].map(() => '---:')],
    ...unique(verdicts.map(({ subject }) => subject.name)).map((name) => {
      const row = verdicts.filter(({ subject }) => subject.name === name)
      const cells = rooms.map((room) => score(row.filter((verdict) => verdict.room.name === room)))
      return [name, `**${score(row)}**`, ...cells]
    }),
  ]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function score(verdicts: readonly Verdict[]): string {
  const asked = verdicts.filter(isAsked)
  const kept = asked.filter((verdict) => outcome(verdict) === 'kept')
  return asked.length === 0 ? '–' : `${kept.length} / ${asked.length}`
}

function wiring(verdicts: readonly Verdict[]): string {
  return unique(verdicts.map(({ peer }) => peer))
    .map(({ name, packages, wired, leftOut }) => {
      const versions =
        packages.length === 0 ? 'Node’s own' : packages.map((one) => `${one} ${versionOf(one)}`).join(', ')
      return `- **${name}** (${versions}): ${wired}${leftOut ? ` Not run on ${leftOut}` : ''}`
    })
    .join('\n')
}

/** The installed version of a package. package.json may have a range. */
function versionOf(name: string): string {
  const file = path.join(__dirname, '../../node_modules', name, 'package.json')
  return JSON.parse(readFileSync(file, 'utf8')).version
}

/** The broken sentences of each library with their reasons, and with the servers if not all servers break a sentence. */
export function broken(verdicts: readonly Verdict[]): string[] {
  return unique(verdicts.map(({ peer }) => peer)).flatMap((peer) => {
    const own = verdicts.filter((verdict) => verdict.peer === peer)
    const failed = own.filter((verdict) => outcome(verdict) === 'broken')
    const rooms = unique(failed.map(({ room }) => room)).map((room) => {
      const sentences = unique(failed.filter((one) => one.room === room).map(({ behaviour }) => behaviour))
      const lines = sentences.map((behaviour) => {
        const asked = own.filter((one) => one.behaviour === behaviour && isAsked(one))
        const these = failed.filter((one) => one.behaviour === behaviour)
        return `- ${behaviour.name}. ${reasons(these, asked.length)}`
      })
      return `${room.name}:\n\n${lines.join('\n')}`
    })
    return [`### ${peer.name}`, ...(rooms.length === 0 ? ['Nothing.'] : rooms)]
  })
}

function reasons(failed: readonly Verdict[], asked: number): string {
  const different = unique(failed.map(why))
  if (different.length === 1 && failed.length === asked) return code(different[0] ?? '')
  return different
    .map((reason) => {
      const places = failed.filter((verdict) => why(verdict) === reason).map(place)
      return `${places.join(', ')}: ${code(reason)}`
    })
    .join('; ')
}

/** The server of a row, without its library. */
function place({ subject, peer }: Verdict): string {
  return subject.name.replace(`${peer.name} `, '').replace(/^on /, '')
}

function why({ again, result }: Verdict): string {
  const { outcome } = result
  return outcome === 'broken' ? (again?.outcome === 'broken' ? again.why : result.why) : ''
}

export function code(reason: string): string {
  return `\`${reason.replaceAll('`', "'")}\``
}

function notAsked(verdicts: readonly Verdict[]): string {
  const reasons = unique(verdicts.flatMap(({ result }) => (result.outcome === 'not asked' ? [result.why] : [])))
  const items = reasons.map((reason) => {
    const left = verdicts.filter(({ result }) => result.outcome === 'not asked' && result.why === reason)
    const sentences = unique(left.map(({ behaviour }) => behaviour)).length
    const rows = unique(left.map(({ subject }) => subject.name)).length
    return `- ${reason}: ${sentences} ${sentences === 1 ? 'sentence' : 'sentences'}, ${rows} ${rows === 1 ? 'row' : 'rows'}`
  })
  return items.length === 0 ? 'Nothing.' : items.join('\n')
}

function unsteady(verdicts: readonly Verdict[]): string {
  const items = verdicts.filter(differs).map(({ subject, behaviour, result }) => {
    return `- ${subject.name}: “${behaviour.name}”: ${code(result.outcome === 'broken' ? result.why : '')}, then kept`
  })
  return items.length === 0 ? 'Nothing.' : items.join('\n')
}

function differs({ result, again }: Verdict): boolean {
  return again !== undefined && again.outcome !== result.outcome
}

function isAsked({ result }: Verdict): boolean {
  return result.outcome !== 'not asked'
}

function unique<T>(items: readonly T[]): T[] {
  return [...new Set(items)]
}
