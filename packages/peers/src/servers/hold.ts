import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { type Result, rooms } from '@podrain/contract'
import type { Verdict } from '../score/verdict.js'
import { commandOf, flags, type Stranger } from './servers.js'

const program = path.join(require.resolve('@podrain/contract/package.json'), '../bin/podrain-contract.js')

/** What the command line prints with `--json -`. */
interface Printed {
  readonly sentences: readonly {
    room: string
    sentence: string
    outcome: Result['outcome'] | 'not asked'
    saw: string
  }[]
}

/** Holds a server to the contract, as anybody would. */
export async function hold(stranger: Stranger, more: readonly string[] = []): Promise<Verdict[]> {
  const args = [...flags, ...(stranger.flags ?? []), ...more, '--json', '-', '--', ...commandOf(stranger)]
  const running = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  let errors = ''
  running.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  running.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const [code] = await once(running, 'close')
  if (code !== 0 && code !== 1) throw new Error(`${stranger.name}: exit code ${code}: ${errors}`)
  const peer = { name: stranger.name, wired: stranger.wired, packages: [], subjects: [] }
  const subject = { name: stranger.name, has: [], start: () => Promise.reject(new Error('it is a process of its own')) }
  return (JSON.parse(printed) as Printed).sentences.map(({ room: name, sentence, outcome, saw: why }) => {
    const room = rooms.find((room) => room.name === name)
    const behaviour = room?.behaviours.find(({ name }) => name === sentence)
    if (!room || !behaviour) throw new Error(`there is no sentence “${sentence}” about “${name}”`)
    const result: Result =
      outcome === 'kept' ? { outcome } : { outcome: outcome === 'broken' ? outcome : 'senseless', why }
    return { peer, subject, room, behaviour, result }
  })
}
