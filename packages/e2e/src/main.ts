import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { delimiter, join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle } from './bundles.js'
import { type Case, cases, shard } from './cases.js'
import { Cluster, explain } from './cluster.js'
import type { User } from './containers.js'
import { dryRun } from './dry-run.js'
import type { Run } from './marks.js'
import { namespaceOf, type Settings } from './objects.js'
import { nameOf, permissionsFor } from './permissions.js'
import { answeringPods, run } from './run.js'
import { sweep } from './sweep.js'

const help = `Runs podrain on the cluster of KUBECONFIG: rolling updates, node drains, evictions and restarts under load.

  --dry-run           build every object of every case and validate it against its published schema; needs no cluster
  --only TEXT         run only the cases whose name contains TEXT
  --shard N/M         run the Nth of M parts of the cases, so that several clusters can share them
  --image IMAGE       any image with Node 20.19 or newer (default: node:20-alpine)
  --proxy-image IMAGE any image of nginx with a shell (default: nginx:alpine), or "none" to leave out the cases with nginx
  --user UID          the user id of the processes (default: 1000), or "none" for the cluster's choice, as on OpenShift
  --json DIR          write the result of each case to a file in DIR, for podrain compare
  --seconds N         how long the load of a case lasts (default: 90)
  --sweep             only remove the objects of runs that are dead
  --sweep-after N     a run without a heartbeat for N seconds is dead (default: 45)

Each case gets a namespace podrain-e2e-…, which is deleted afterwards, also on Ctrl-C, SIGTERM and SIGHUP. The objects of a killed run are
removed by the next run. Missing permissions are listed before the first case. The cases need two images, Kubernetes 1.30 for the hook
"sleep", and a node without taints with 2 free CPUs and 2 GiB of free memory. README.md has the details.`

const bundles = new Map<string, string>()
function bundleOf(name: string): string {
  const code = bundles.get(name) ?? bundle(name)
  bundles.set(name, code)
  return code
}

interface Chosen {
  readonly cases: readonly Case[]
  readonly json: string | undefined
  readonly sweepAfter: number
  readonly sweepOnly: boolean
  settings(namespace: string): Settings
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      'dry-run': { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      shard: { type: 'string', default: '1/1' },
      image: { type: 'string', default: 'node:20-alpine' },
      'proxy-image': { type: 'string', default: 'nginx:alpine' },
      user: { type: 'string', default: '1000' },
      seconds: { type: 'string', default: '90' },
      json: { type: 'string' },
      sweep: { type: 'boolean', default: false },
      'sweep-after': { type: 'string', default: '45' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return say(help)
  const { image, json, only, 'proxy-image': proxyImage } = values
  const seconds = wholeNumber('--seconds', values.seconds)
  const user: User = values.user === 'none' ? null : wholeNumber('--user', values.user, 'or "none"')
  const ofRun: Run = { id: randomBytes(4).toString('hex'), host: hostname() }
  const wanted = cases.filter(
    ({ name, through }) => name.includes(only) && (through !== 'nginx' || proxyImage !== 'none'),
  )
  const chosen: Chosen = {
    cases: shardOf(wanted, values.shard),
    json,
    sweepAfter: wholeNumber('--sweep-after', values['sweep-after']),
    sweepOnly: values.sweep,
    settings: (namespace) => ({ run: ofRun, namespace, image, proxyImage, user, seconds }),
  }
  if (chosen.cases.length === 0)
    throw new Error(`no case matches --only ${only} and --shard ${values.shard}: --dry-run lists all cases`)
  if (values['dry-run']) return tellDryRun(chosen)
  const file = process.env.KUBECONFIG
  if (!file)
    return say('Nothing was tested: KUBECONFIG is not set. --dry-run needs no cluster, --help lists all options.')
  if (!file.split(delimiter).some((each) => existsSync(each))) {
    say(`Nothing was tested: KUBECONFIG is ${file}, and there is no such file.`)
    return 1
  }
  const cluster = await Cluster.open(ofRun)
  endOnSignals(cluster)
  const name = `podrain-e2e-${ofRun.id}`
  if (!chosen.sweepOnly) await expectPermissions(cluster, ofRun, chosen.cases, `${name}-may-i`)
  const left = await sweep(cluster, chosen.sweepAfter, say)
  for (const line of left) say(line)
  if (chosen.sweepOnly) return left.length === 0 ? 0 : 1
  return runAll(cluster, name, chosen)
}

function tellDryRun({ cases, settings }: Chosen): number {
  const dry = dryRun(cases, settings('podrain-e2e'), bundleOf)
  for (const { name, kinds, problems } of dry)
    say(`${problems.length === 0 ? 'ok' : 'not ok'}  ${name} (${kinds.join(', ')})`)
  for (const { problems } of dry) for (const problem of problems) say(`        ${problem}`)
  const bad = dry.filter(({ problems }) => problems.length > 0).length
  say(`${dry.length} cases, ${bad} with objects that are not valid. Nothing was run.`)
  return bad === 0 ? 0 : 1
}

async function runAll(cluster: Cluster, name: string, { cases, json, settings }: Chosen): Promise<number> {
  if (json !== undefined) mkdirSync(json, { recursive: true })
  let failed = 0
  for (const [n, each] of cases.entries()) {
    try {
      const result = await run(cluster, each, settings(`${name}-${n}`), bundleOf, say, (known) => {
        if (json !== undefined) writeFileSync(join(json, fileOf(each.name)), JSON.stringify(known))
      })
      say(`ok      ${each.name}: 0 lost of ${result.summary.requests}, answered by ${answeringPods(result)} pods`)
    } catch (error) {
      if (cluster.isInterrupted) return 1
      failed++
      say(`not ok  ${each.name}: ${explain(error)}`)
    }
  }
  say(`${cases.length} cases, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

/**
 * Checks that the account may do all that the cases need. Checks in a namespace of the run, because some clusters grant permissions when
 * a namespace is created.
 * @throws {Error} with all missing permissions
 */
async function expectPermissions(
  cluster: Cluster,
  ofRun: Run,
  cases: readonly Case[],
  namespace: string,
): Promise<void> {
  try {
    await cluster.create(namespaceOf(ofRun, namespace))
    const missing = await cluster.refused(permissionsFor(cases), namespace)
    if (missing.length > 0) throw new Error(`the account may not ${missing.map(nameOf).join(', ')}`)
  } finally {
    for (const line of await cluster.restore()) say(line)
  }
}

/** Cleans up at the first signal and then exits. The third signal exits immediately, and then the next run cleans up. */
function endOnSignals(cluster: Cluster): void {
  let signals = 0
  for (const [signal, code] of [
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(signal, async () => {
      signals++
      if (signals === 2)
        say(`${signal}: still cleaning up; a third signal exits now and leaves the rest to the next run`)
      if (signals > 2) process.exit(code)
      if (signals > 1) return
      say(`${signal}: cleaning up`)
      for (const line of await cluster.interrupt()) say(line)
      process.exit(code)
    })
  }
}

function shardOf(all: readonly Case[], text: string): Case[] {
  const [, nth = 0, of = 0] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number)
  if (nth < 1 || nth > of) throw new Error(`Expected --shard to be such as 1/3, got ${text}`)
  return shard(all, nth, of)
}

function wholeNumber(flag: string, text: string, or = ''): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`Expected ${flag} to be a whole number${or && ` ${or}`}, got ${text}`)
  return Number(text)
}

/** The file of a case: `http, httpGet: node drain` is in `http-httpGet-node-drain.json`. */
function fileOf(name: string): string {
  return `${name.replace(/[^a-z0-9]+/gi, '-')}.json`
}

function say(line: string): number {
  process.stdout.write(`${line}\n`)
  return 0
}

// After SIGHUP the terminal is gone and stdout may fail. The run cleans up all the same.
process.stdout.on('error', () => {})
main().then(
  (code) => {
    process.exitCode = code
  },
  (error) => {
    say(`Nothing was tested: ${explain(error)}`)
    process.exitCode = 1
  },
)
