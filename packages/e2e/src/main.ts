import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle } from './bundles.js'
import { cases } from './cases.js'
import { Cluster, explain } from './cluster.js'
import { dryRun } from './dry-run.js'
import type { Settings } from './objects.js'
import { answeringPods, run } from './run.js'

const help = `Runs podrain on a real cluster, the one that KUBECONFIG names: rolling updates under load, and worse.

  --dry-run        build every object of every case and hold it against the published schema; needs no cluster
  --only TEXT      only cases whose name contains it
  --image IMAGE    any image with Node 20.19 or newer (default: node:20-alpine)
  --json DIR       write what came of each case to a file there, for podrain compare
  --seconds N      how long the load of a case goes on (default: 90)

It makes a namespace per case, podrain-e2e-…, and deletes it again, also on Ctrl-C. The account needs to create namespaces and what is in
them, Roles included, to evict pods, and to list and cordon nodes for "node drain". Pods need to pull the image, nothing else; the hook
"sleep" needs Kubernetes 1.30.`

const bundles = new Map<string, string>()
function bundleOf(name: string): string {
  const code = bundles.get(name) ?? bundle(name)
  bundles.set(name, code)
  return code
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      'dry-run': { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      image: { type: 'string', default: 'node:20-alpine' },
      seconds: { type: 'string', default: '90' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const { image } = values
  if (!/^[1-9]\d*$/.test(values.seconds))
    throw new Error(`Expected --seconds to be a whole number, got ${values.seconds}`)
  const settings = (namespace: string): Settings => ({ namespace, image, seconds: Number(values.seconds) })
  if (values.help) return say(help)
  if (values['dry-run']) {
    const dry = dryRun(settings('podrain-e2e'), bundleOf)
    for (const { name, kinds, problems } of dry)
      say(`${problems.length === 0 ? 'ok' : 'not ok'}  ${name} (${kinds.join(', ')})`)
    for (const { problems } of dry) for (const problem of problems) say(`        ${problem}`)
    const bad = dry.filter(({ problems }) => problems.length > 0).length
    say(`${dry.length} cases, of which ${bad} have objects that are not valid. Nothing was run.`)
    return bad === 0 ? 0 : 1
  }
  const file = process.env.KUBECONFIG
  if (!file) return say('Nothing was tested: KUBECONFIG names no cluster. --dry-run needs none, --help says more.')
  if (!file.split(delimiter).some((each) => existsSync(each))) {
    say(`Nothing was tested: KUBECONFIG is ${file}, and there is no such file.`)
    return 1
  }
  const chosen = cases.filter(({ name }) => name.includes(values.only))
  if (chosen.length === 0) throw new Error(`no case has ${values.only} in its name: --dry-run lists them`)
  const { json } = values
  if (json !== undefined) mkdirSync(json, { recursive: true })
  const cluster = await Cluster.open()
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, async () => {
      say(`${signal}: cleaning up`)
      for (const left of await cluster.restore()) say(left)
      process.exit(code)
    })
  }
  let failed = 0
  for (const [n, each] of chosen.entries()) {
    try {
      const own = settings(`podrain-e2e-${process.pid}-${n}`)
      const result = await run(cluster, each, own, bundleOf, say, (known) => {
        if (json !== undefined) writeFileSync(join(json, fileOf(each.name)), JSON.stringify(known))
      })
      say(`ok      ${each.name}: 0 lost of ${result.summary.requests}, answered by ${answeringPods(result)} pods`)
    } catch (error) {
      failed++
      say(`not ok  ${each.name}: ${explain(error)}`)
    }
  }
  say(`${chosen.length} cases, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

/** `http, httpGet: node drain` is `http-httpGet-node-drain.json`. */
function fileOf(name: string): string {
  return `${name.replace(/[^a-z]+/gi, '-')}.json`
}

function say(line: string): number {
  process.stdout.write(`${line}\n`)
  return 0
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error) => {
    say(`Nothing was tested: ${explain(error)}`)
    process.exitCode = 1
  },
)
