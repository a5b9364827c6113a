import { resolve } from 'node:path'
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
import { isDevice, prepareDirectory, prepareFile, writeResult } from './files.js'
import { type FlagOptions, type GivenFlags, inFlags, optionsOf } from './flags.js'
import { guess, ownAddressHelp } from './guess.js'
import { renderJUnit, renderJUnitError } from './junit.js'
import { describePlan } from './plan.js'
import { renderPlan, renderReport, renderVerdict } from './report.js'
import { readRequests } from './requests-file.js'
import { UsageError } from './usage.js'
import { type FromManifest, readManifest } from './workload-options.js'

/** Flags that are the command line's own. */
export interface RehearseFlags extends GivenFlags {
  readonly requests?: string
  readonly manifest?: string
  readonly container?: string
  readonly allowLost: number
  readonly repeat: number
  readonly json?: string
  readonly html?: string
  readonly junit?: string
  readonly quiet?: true
  readonly color: boolean
}

/**
 * `podrain rehearse`. Resolves with the exit code: 0 when no more was lost than allowed, 1 when more was, 3 when it cannot be known.
 * @throws {Ended} once the results are written, when a signal has cut it short.
 */
export async function runRehearse(command: readonly string[], flags: RehearseFlags): Promise<number> {
  const manifest = flags.manifest === undefined ? undefined : readManifest(flags.manifest, flags.container)
  const options = readOptions(command, flags, manifest)
  const out = prepareFiles(flags) ? process.stderr : process.stdout
  if (options.logs !== undefined) prepareDirectory('--logs', options.logs)
  const say = (text: string) => {
    if (flags.quiet !== true) out.write(`${text}\n`)
  }
  const colour = flags.color && pc.isColorSupported
  const ending = new Ending()
  let results: readonly Rehearsal[] = []
  try {
    const carriedOut = await carryOut({ ...options, signal: ending.signal }, manifest, flags, colour, say)
    results = carriedOut.results
    // No answer to nothing is no success.
    if (results.some(({ summary }) => summary.requests === 0)) {
      throw new UsageError('No request was sent to the app: check `--clients` and `--rate`')
    }
    say(`\n${renderReport(results, flags.allowLost, colour)}\n`)
    if (flags.quiet === true) out.write(`${renderVerdict(results, flags.allowLost, colour)}\n`)
    await writeResults(carriedOut, flags, say)
    ending.signal.throwIfAborted()
    return exitCodeOf(carriedOut, flags.allowLost)
  } catch (error) {
    if (error instanceof Ended) {
      if (results.length === 0) say('No result: the rehearsal was ended before anything was done to the pods.')
      throw error
    }
    const inOurWords = new UsageError(`${inFlags((error as Error).message, flags)}${helpFor(error as Error, options)}`)
    if (flags.junit !== undefined) await writeResult(flags.junit, renderJUnitError(options.name ?? '', inOurWords))
    throw inOurWords
  } finally {
    ending.dispose()
  }
}

/** With a fixed port, pods that listen on every address take it from each other. */
function helpFor({ message }: Error, { port }: RehearsalOptions): string {
  if (port === undefined || !/EADDRINUSE|address already in use/i.test(message)) return ''
  return `\nWith \`--port\` each pod has an address of its own. ${ownAddressHelp}\nOr add \`--netns\` (Linux, root).`
}

/** Sees to it that every file can be written. Returns whether one of them is stdout: then all else for people goes to stderr. */
function prepareFiles(flags: RehearseFlags): boolean {
  const given = (['json', 'html', 'junit'] as const).flatMap((name) => {
    const file = flags[name]
    return file === undefined ? [] : [{ flag: `--${name}`, file }]
  })
  for (const [index, { flag, file }] of given.entries()) {
    const same = given.slice(0, index).find((other) => resolve(other.file) === resolve(file))
    if (same !== undefined && (file === '-' || !isDevice(file))) {
      const where = file === '-' ? 'stdout' : file
      throw new UsageError(`\`${same.flag}\` and \`${flag}\` cannot both be written to ${where}`)
    }
    if (file !== '-') prepareFile(flag, file)
  }
  return given.some(({ file }) => file === '-')
}

function exitCodeOf({ results, failure }: CarriedOut, allowed: number): number {
  if (results.some(({ summary }) => summary.verdict !== 'not trustworthy' && summary.lost > allowed)) return 1
  if (failure !== undefined) return 3
  const isKnown = ({ incomplete, summary }: Rehearsal) => incomplete === null && summary.verdict !== 'not trustworthy'
  return results.every(isKnown) ? 0 : 3
}

/** What is to be rehearsed: what the manifest says, and over it what was given on the command line. */
function readOptions(
  command: readonly string[],
  flags: RehearseFlags,
  manifest: FromManifest | undefined,
): RehearsalOptions {
  const given = optionsOf(flags)
  const [program = manifest?.options.command, ...args] = command
  if (program === undefined) {
    const where = manifest === undefined ? 'No command' : 'No command, and the manifest has none: it is in the image'
    throw new UsageError(`${where}. What starts your app comes after \`--\`:\n  podrain rehearse -- node server.js`)
  }
  const mix = flags.requests === undefined ? undefined : readRequests(flags.requests)
  const { behind, ...said } = manifest?.options ?? {}
  // Numbers on the command line win over what the manifest's objects are known for.
  const sender = given.endpointLag === undefined && behind !== undefined ? { behind } : {}
  const all: RehearsalOptions = {
    ...withHookPath(optionsOf(flags, { name: nameOf(command), ...said, ...sender })),
    ...(mix !== undefined && { requests: { ...given.requests, mix } }),
    command: program,
    args: command.length > 0 ? args : (manifest?.options.args ?? []),
  }
  planOf(all, flags, manifest)
  return all
}

/** A header for the hook and no path means podrain's own hook. */
function withHookPath(options: FlagOptions): FlagOptions {
  const { preStop } = options
  if (preStop === undefined || !('httpGet' in preStop) || preStop.httpGet.path !== undefined) return options
  return { ...options, preStop: { httpGet: { ...preStop.httpGet, path: '/prestop' } } }
}

/** @throws UsageError in the words of the command line. */
function planOf(options: RehearsalOptions, flags: RehearseFlags, manifest?: FromManifest): RehearsalPlan {
  try {
    return resolveOptions(options)
  } catch (error) {
    const where =
      manifest === undefined ? '' : `\nOptions without a flag are from ${manifest.origin}; flags override it.`
    throw new UsageError(`${inFlags((error as Error).message, flags)}${where}`)
  }
}

/** `node examples/express/server.js` is `node server.js`. */
function nameOf(command: readonly string[]): string {
  const words = command
    .flatMap((word) => word.split(/\s+/))
    .map((word) => word.replace(/^(?:[\w@.+~-]*\/)+(?=[\w@.+-])/, ''))
    .join(' ')
  return words.length <= 40 ? words : `${words.slice(0, 39)}…`
}

/** Rehearsals, and why there are no more of them if one that was to follow had no result. */
interface CarriedOut {
  readonly results: readonly Rehearsal[]
  readonly failure: Error | undefined
}

/** Rehearses as often as was asked for. Rejects when not even the first has a result. */
async function carryOut(
  given: RehearsalOptions,
  manifest: FromManifest | undefined,
  flags: RehearseFlags,
  colour: boolean,
  say: (text: string) => void,
): Promise<CarriedOut> {
  const { options, origin } = await guess(given)
  const plan = planOf(options, flags)
  say(`${renderPlan(describePlan(plan, origin, manifest), colour)}\n`)
  const results: Rehearsal[] = []
  for (let run = 0; run < flags.repeat; run++) {
    try {
      results.push(await carryOutOne(repeated(options, plan, run, flags.repeat), flags))
    } catch (error) {
      if (run === 0) throw error
      const why = inFlags((error as Error).message, flags)
      const failure = new Error(`Rehearsal ${run + 1} of ${flags.repeat} has no result: ${why}`)
      process.stderr.write(`error: ${failure.message}\n`)
      return { results, failure }
    }
    // What was cut short by a limit or a signal is not begun again.
    if (results.at(-1)?.incomplete !== null) break
  }
  return { results, failure: undefined }
}

/** Each run draws its own random choices. */
function repeated(options: RehearsalOptions, { seed }: RehearsalPlan, run: number, of: number): RehearsalOptions {
  return of === 1 ? options : { ...options, seed: seed + run, labels: { ...options.labels, seed: String(seed + run) } }
}

async function carryOutOne(options: RehearsalOptions, flags: RehearseFlags): Promise<Rehearsal> {
  if (flags.quiet === true) return await rehearse(options)
  const progress = createProgress({ stream: process.stderr })
  // Also when a second Ctrl-C ends the process here and now: the cursor must come back.
  process.once('exit', progress.stop)
  try {
    const { name = '', labels: { seed } = {} } = options
    return await rehearse({ ...options, onEvent: progress.follow(seed === undefined ? name : `${name}, seed ${seed}`) })
  } finally {
    process.removeListener('exit', progress.stop)
    progress.stop()
  }
}

/** Writes each file by itself: that one cannot be written takes nothing from the others, and nothing from the verdict. */
async function writeResults(
  { results, failure }: CarriedOut,
  flags: RehearseFlags,
  say: (text: string) => void,
): Promise<void> {
  const files = [
    { label: 'Page', file: flags.html, render: () => renderPage(results) },
    { label: 'Data', file: flags.json, render: () => JSON.stringify(results.length === 1 ? results[0] : results) },
    { label: 'JUnit', file: flags.junit, render: () => renderJUnit(results, flags.allowLost, failure) },
  ]
  for (const { label, file, render } of files) {
    if (file === undefined) continue
    try {
      await writeResult(file, render())
      if (file !== '-') say(`${label}: ${file}`)
    } catch (error) {
      process.stderr.write(`error: ${label} was not written: ${(error as Error).message}\n`)
    }
  }
}
