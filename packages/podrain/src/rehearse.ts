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

/** Flags of `podrain rehearse` that are not options of the engine. */
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
 * `podrain rehearse`. Resolves with the exit code: 0 if no more requests were lost than allowed, 1 if more were, 3 if that is unknown.
 * @throws UsageError when there is no rehearsal: wrong usage, or the app cannot be rehearsed.
 * @throws {Ended} when a signal has ended the rehearsal, after the results are written.
 */
export async function runRehearse(command: readonly string[], flags: RehearseFlags): Promise<number> {
  const manifest =
    flags.manifest === undefined ? undefined : readManifest(flags.manifest, flags.container, optionsOf(flags).env)
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
    // A rehearsal without requests is no success.
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

/** A hint for a fixed port: pods that listen on every address conflict with each other. */
function helpFor({ message }: Error, { port }: RehearsalOptions): string {
  if (port === undefined || !/EADDRINUSE|address already in use/i.test(message)) return ''
  return `\nWith \`--port\` each pod has an address of its own. ${ownAddressHelp}\nOr add \`--netns\` (Linux, root).`
}

/** Checks that every file can be written. Returns whether one of them is stdout; then messages go to stderr. */
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
  if (results.some(({ summary }) => summary.verdict !== 'inconclusive' && summary.lost > allowed)) return 1
  if (failure !== undefined) return 3
  const isKnown = ({ incomplete, summary }: Rehearsal) => incomplete === null && summary.verdict !== 'inconclusive'
  return results.every(isKnown) ? 0 : 3
}

/** The options of the rehearsal: those of the manifest, overridden by the flags. */
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
  // `--endpoint-lag` overrides the preset that follows from the manifest.
  const preset = given.endpointLag === undefined && behind !== undefined ? { behind } : {}
  const all: RehearsalOptions = {
    ...withHookPath(optionsOf(flags, { name: nameOf(command), ...said, ...preset })),
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

/** @throws UsageError that names flags instead of options. */
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

/** The results, and why a later rehearsal has none. */
interface CarriedOut {
  readonly results: readonly Rehearsal[]
  readonly failure: Error | undefined
}

/** Rehearses as often as `--repeat` says. Rejects when the first rehearsal has no result. */
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
    // After a rehearsal that was cut short by a limit or a signal, no other begins.
    if (results.at(-1)?.incomplete !== null) break
  }
  return { results, failure: undefined }
}

/** Each run gets its own seed. */
function repeated(options: RehearsalOptions, { seed }: RehearsalPlan, run: number, of: number): RehearsalOptions {
  return of === 1 ? options : { ...options, seed: seed + run, labels: { ...options.labels, seed: String(seed + run) } }
}

async function carryOutOne(options: RehearsalOptions, flags: RehearseFlags): Promise<Rehearsal> {
  if (flags.quiet === true) return await rehearse(options)
  const progress = createProgress({ stream: process.stderr })
  // On 'exit' too, because a second Ctrl-C exits at once, and the cursor must be shown again.
  process.once('exit', progress.stop)
  try {
    const { name = '', labels: { seed } = {} } = options
    return await rehearse({ ...options, onEvent: progress.follow(seed === undefined ? name : `${name}, seed ${seed}`) })
  } finally {
    process.removeListener('exit', progress.stop)
    progress.stop()
  }
}

/** Writes each file. If one cannot be written, the others still are, and the exit code stays. */
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
