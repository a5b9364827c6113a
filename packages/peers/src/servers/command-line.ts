import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { type Result, rooms } from '@podrain/contract'
import type { Verdict } from '../score/verdict.js'
import { commandOf, flags, type Stranger } from './servers.js'

const program = path.join(require.resolve('@podrain/contract/package.json'), '../bin/podrain-contract.js')

const run: (file: string, args: readonly string[]) => Promise<Ran> = promisify(execFile)

/** The output of a process, and its exit code if it is not 0. */
interface Ran {
  readonly code?: number
  readonly stdout: string
  readonly stderr: string
}

/** The part of the output of `--json -` that is used here. */
interface Printed {
  readonly sentences: readonly {
    room: string
    sentence: string
    outcome: Result['outcome'] | 'not asked'
    saw: string
  }[]
}

/** Tests a server with the command line of the contract, as a user does. */
export async function hold(stranger: Stranger, more: readonly string[] = []): Promise<Verdict[]> {
  const args = [...flags, ...(stranger.flags ?? []), ...more, '--json', '-', '--', ...commandOf(stranger)]
  const { code = 0, stdout, stderr } = await run(process.execPath, [program, ...args]).catch((error: Ran) => error)
  if (code !== 0 && code !== 1) throw new Error(`${stranger.name}: exit code ${code}: ${stderr}`)
  const peer = { name: stranger.name, wired: stranger.wired, packages: [], subjects: [] }
  const subject = { name: stranger.name, has: [], start: () => Promise.reject(new Error('it is a process of its own')) }
  return (JSON.parse(stdout) as Printed).sentences.map(({ room: name, sentence, outcome, saw: why }) => {
    const room = rooms.find((room) => room.name === name)
    const behaviour = room?.behaviours.find(({ name }) => name === sentence)
    if (!room || !behaviour) throw new Error(`there is no sentence “${sentence}” about “${name}”`)
    const result: Result =
      outcome === 'kept' ? { outcome } : { outcome: outcome === 'broken' ? outcome : 'not asked', why }
    return { peer, subject, room, behaviour, result }
  })
}
