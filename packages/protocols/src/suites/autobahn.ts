import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Front, isLeaving, type Phase } from '../front.js'
import { execute, type SuiteRun } from './suite.js'

/** The fields of a case in the report of Autobahn. */
interface Case {
  readonly behavior: string
  readonly behaviorClose: string
  readonly remoteCloseCode: number | null
  readonly reportfile: string
}

/**
 * Cases whose client replies to a close frame in the middle of a frame of its own. The server takes the reply for payload, so client and
 * server wait for each other.
 */
const endless = ['6.4.3', '6.4.4']

/**
 * Runs the fuzzing client of the Autobahn testsuite.
 * @param program The path of `wstest`.
 * @param cases Patterns of cases, such as "1.*".
 */
export async function autobahn(program: string, cases: readonly string[], phase: Phase): Promise<SuiteRun> {
  const front = await Front.open('webSocket', phase)
  const outdir = mkdtempSync(join(tmpdir(), 'autobahn-'))
  const spec = join(outdir, 'spec.json')
  const excluded = isLeaving(phase) ? endless : []
  const servers = [{ agent: phase, url: `ws://127.0.0.1:${front.port}` }]
  writeFileSync(spec, JSON.stringify({ outdir, servers, cases, 'exclude-cases': excluded, 'exclude-agent-cases': {} }))
  await execute(program, ['--mode', 'fuzzingclient', '--spec', spec])
  await front.close()
  const read = (name: string) => JSON.parse(readFileSync(join(outdir, name), 'utf8'))
  const index: Record<string, Case> = read('index.json')[phase]
  const outcomes = Object.entries(index).map(([id, found]) => {
    const { wasClean } = read(found.reportfile)
    return [id, outcomeOf(found, wasClean)] as const
  })
  return { outcomes: new Map(outcomes), leftInFlight: front.leftInFlight }
}

/** @param wasClean Whether both sides sent a close frame, and the server then ended the connection. */
function outcomeOf({ behavior, remoteCloseCode }: Case, wasClean: boolean): string {
  const end = `closed with ${remoteCloseCode ?? 'no code'}, ${wasClean ? 'clean' : 'not clean'}`
  return `${behavior.toLowerCase()}, ${end}`
}
