import { basename } from 'node:path'
import {
  createProgress,
  type Rehearsal,
  type RehearsalOptions,
  type RehearsalPlan,
  rehearse,
  renderPage,
  resolveOptions,
} from '@podrain/rehearsal'
import pc from 'picocolors'
import { Ended, Ending } from './ending.js'
import { prepareFile, writeResult } from './files.js'
import { type GivenFlags, inFlags, optionsOf } from './flags.js'
import { guess } from './guess.js'
import { renderJUnit, renderJUnitError } from './junit.js'
import { describePlan } from './plan.js'
import { renderPlan, renderReport, renderVerdict } from './report.js'
import { readRequests } from './requests-file.js'
import { UsageError } from './usage.js'

/** Flags that are the command line's own. */
export interface RehearseFlags extends GivenFlags {
  readonly requests?: string
  readonly allowLost: number
  readonly json?: string
  readonly html?: string
  readonly junit?: string
  readonly quiet?: true
  readonly color: boolean
}

/** `podrain rehearse`. Resolves with the exit code: 0 when no more was lost than allowed, else 1. */
export async function runRehearse(command: readonly string[], flags: RehearseFlags): Promise<number> {
  const options = readOptions(command, flags)
  for (const name of ['json', 'html', 'junit'] as const) {
    const file = flags[name]
    if (file !== undefined && file !== '-') prepareFile(`--${name}`, file)
  }
  // With the data on stdout, everything for people goes to stderr.
  const out = flags.json === '-' ? process.stderr : process.stdout
  const say = (text: string) => {
    if (flags.quiet !== true) out.write(`${text}\n`)
  }
  const colour = flags.color && pc.isColorSupported
  const ending = new Ending()
  try {
    const result = await carryOut({ ...options, signal: ending.signal }, flags, colour, say)
    // No answer to nothing is no success.
    if (result.summary.requests === 0) throw new UsageError('Nothing was asked of the app: `--clients`, `--rate`?')
    say(`\n${renderReport(result, flags.allowLost, colour)}\n`)
    if (flags.quiet === true) out.write(`${renderVerdict(result, flags.allowLost, colour)}\n`)
    await writeResults(result, flags, say)
    return result.summary.lost <= flags.allowLost ? 0 : 1
  } catch (error) {
    if (error instanceof Ended) throw error
    const inOurWords = new UsageError(inFlags((error as Error).message, flags))
    if (flags.junit !== undefined) await writeResult(flags.junit, renderJUnitError(options.name ?? '', inOurWords))
    throw inOurWords
  } finally {
    ending.dispose()
  }
}

function readOptions(command: readonly string[], flags: RehearseFlags): RehearsalOptions {
  const [program, ...args] = command
  if (program === undefined) {
    throw new UsageError('No command. What starts your app comes after `--`:\n  podrain rehearse -- node server.js')
  }
  const given = optionsOf(flags)
  const mix = flags.requests === undefined ? undefined : readRequests(flags.requests)
  const options: RehearsalOptions = {
    name: nameOf(command),
    ...given,
    ...(mix !== undefined && { requests: { ...given.requests, mix } }),
    command: program,
    args,
  }
  planOf(options, flags)
  return options
}

/** @throws UsageError in the words of the command line. */
function planOf(options: RehearsalOptions, flags: RehearseFlags): RehearsalPlan {
  try {
    return resolveOptions(options)
  } catch (error) {
    throw new UsageError(inFlags((error as Error).message, flags))
  }
}

/** `node examples/express/server.js` is `node server.js`. */
function nameOf(command: readonly string[]): string {
  const words = command.map((word) => basename(word) || word).join(' ')
  return words.length <= 40 ? words : `${words.slice(0, 39)}…`
}

async function carryOut(
  given: RehearsalOptions,
  flags: RehearseFlags,
  colour: boolean,
  say: (text: string) => void,
): Promise<Rehearsal> {
  const { options, origin } = await guess(given)
  const plan = planOf(options, flags)
  say(`${renderPlan(describePlan(plan, origin), colour)}\n`)
  if (flags.quiet === true) return await rehearse(options)
  const progress = createProgress({ stream: process.stderr })
  // Also when a second Ctrl-C ends the process here and now: the cursor must come back.
  process.once('exit', progress.stop)
  try {
    return await rehearse({ ...options, onEvent: progress.follow(plan.name) })
  } finally {
    process.removeListener('exit', progress.stop)
    progress.stop()
  }
}

async function writeResults(result: Rehearsal, flags: RehearseFlags, say: (text: string) => void): Promise<void> {
  const { html, json, junit } = flags
  if (html !== undefined) {
    await writeResult(html, renderPage([result]))
    say(`Page: ${html}`)
  }
  if (json === '-') process.stdout.write(`${JSON.stringify(result)}\n`)
  else if (json !== undefined) {
    await writeResult(json, JSON.stringify(result))
    say(`Data: ${json}`)
  }
  if (junit !== undefined) {
    await writeResult(junit, renderJUnit(result, flags.allowLost))
    say(`JUnit: ${junit}`)
  }
}
