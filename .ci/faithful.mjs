/**
 * Rehearses applications that were measured on a real Kubernetes cluster, and compares: which of them lose requests, and how long
 * it takes until every old pod is gone. Writes docs/proof/faithfulness.md. The rows with slow downloads need root, for `netns`. The rows
 * through nginx and haproxy need these programs (Debian: nginx-light, haproxy).
 *
 *     node .ci/faithful.mjs [--only TEXT] [--seed N] [--no-write]
 */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, tmpdir } from 'node:os'
import { parseArgs } from 'node:util'

const { rehearse } = createRequire(import.meta.url)('../packages/rehearsal/dist/index.js')
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: true },
  },
  allowNegative: true,
})

/** What an init does as PID 1: it passes SIGTERM on to its child, and exits with the exit code of the child. */
const init = '"$@" & trap "kill -TERM $!" TERM; wait $!; wait $!'
/** An app that does not get SIGTERM loses the same requests as node as PID 1 without a handler. */
const unheard = { keepAlive: [5, 8], newConnection: [0, 0], gone: 35 }

/** The second cluster. Its pods were ready a second after their creation, and some of its clients sent rarely. */
const later = { on: ' (1.35)', startDelay: 0, slowKeepAlive: 30 }
const hook = { httpGet: { path: '/prestop' } }
const nothing = { keepAlive: [0, 0], newConnection: [0, 0] }

/**
 * Lost requests and seconds as measured on the cluster. A range is of at least three rolling restarts. `now`: the expected losses since a
 * fix in podrain, which was not measured on the cluster again. `seen`: seconds under clients that are not known well enough to compare.
 */
const rows = [
  {
    app: 'no signal handling, node is PID 1',
    env: { APP: 'bare' },
    real: { keepAlive: [5, 8], newConnection: [0, 0], gone: 35 },
  },
  {
    app: 'no signal handling, under an init',
    env: { APP: 'bare' },
    command: ['sh', '-c', init, 'init', process.execPath, 'server.mjs'],
    real: { keepAlive: [11, 22], newConnection: [18, 30], gone: 6 },
  },
  {
    app: 'an app under npm start',
    env: { APP: 'close' },
    command: ['npm', 'start'],
    // Not measured on the cluster. The result depends on npm: version 11 passes SIGTERM only to its shell, and exits when the shell has.
    real: {},
  },
  {
    app: 'an app under a script without exec',
    env: { APP: 'close' },
    command: ['sh', 'entry.sh'],
    real: unheard,
  },
  {
    app: 'SIGTERM → server.close() → exit',
    env: { APP: 'close' },
    real: { keepAlive: [4, 16], newConnection: [28, 191], gone: 36 },
  },
  {
    app: 'preStop sleep 5 + the same',
    env: { APP: 'close' },
    preStop: { sleepSeconds: 5 },
    // A pod whose connections happen to be idle exits early. In some restarts that is the last pod, so there are two.
    restarts: 2,
    real: { keepAlive: [2, 4], newConnection: [0, 1], gone: 40 },
  },
  {
    app: 'preStop httpGet that waits 5 s + the same',
    env: { APP: 'close' },
    preStop: hook,
    real: { keepAlive: [4, 5], newConnection: [0, 0], gone: 40 },
  },
  {
    app: 'the rules of podrain (cluster: a prototype with a ramp; here: podrain)',
    env: { APP: 'podrain' },
    preStop: hook,
    real: { keepAlive: [0, 0], newConnection: [0, 0], gone: 11 },
  },
  {
    app: 'podrain through nginx (keepalive 64, no retries)',
    env: { APP: 'podrain' },
    preStop: hook,
    through: 'nginx',
    real: { keepAlive: [0, 0], newConnection: [0, 0], gone: 10.5 },
  },
  {
    app: 'podrain through haproxy (http-reuse always, no retries)',
    env: { APP: 'podrain' },
    preStop: hook,
    through: 'haproxy',
    real: { keepAlive: [0, 0], newConnection: [0, 0], gone: 10.5 },
  },
  {
    app: 'podrain, exec hook',
    env: { APP: 'podrain, exec hook' },
    preStop: {
      exec: {
        command: [
          process.execPath,
          '../../packages/core/bin/podrain-prestop.js',
          `${tmpdir()}/podrain-faithful-{port}.sock`,
        ],
      },
    },
    ...later,
    // Measured as an e2e case on the cluster. Its times were not stored.
    real: nothing,
  },
  {
    app: 'Express, podrain and a SIGTERM handler that closes, httpGet hook',
    env: { APP: 'express, a handler of its own' },
    preStop: hook,
    ...later,
    real: { ...nothing, seen: 11.1 },
  },
  {
    app: 'the same without a hook',
    env: { APP: 'express, a handler of its own' },
    ...later,
    now: nothing,
    real: { seen: 10.4 },
  },
  {
    app: 'podrain, every response says Connection: keep-alive',
    env: { APP: 'podrain, explicit keep-alive' },
    preStop: hook,
    ...later,
    real: { ...nothing, seen: '29.2 †' },
  },
  {
    app: 'Express with podrain, 10 replicas, 25 % and 25 %',
    env: { APP: 'express' },
    preStop: hook,
    replicas: 10,
    ...later,
    real: { ...nothing, seen: 14.3 },
  },
  {
    app: 'slow downloads: exits when all responses have closed',
    env: { APP: 'careful' },
    downloads: true,
    restarts: 4,
    real: { slowReader: [5, 5], keepAlive: [0, 0], newConnection: [0, 0] },
  },
  {
    app: 'slow downloads: waits for the send queues, too (podrain)',
    env: { APP: 'podrain' },
    preStop: hook,
    downloads: true,
    restarts: 4,
    real: { slowReader: [0, 0], keepAlive: [0, 0], newConnection: [0, 0] },
  },
]
const kinds = ['keepAlive', 'newConnection', 'slowReader']

async function rehearseRow(row, seed) {
  const { app, env, command = [process.execPath, 'server.mjs'], preStop, through, downloads = false } = row
  const { replicas, startDelay = 900, slowKeepAlive = 0 } = row
  return rehearse({
    name: app,
    command: command[0],
    args: command.slice(1),
    cwd: '.ci/faithful',
    env,
    preStop,
    replicas,
    netns: downloads,
    through,
    requests: { get: '/work', ...(downloads ? { download: '/download' } : {}) },
    clients: { keepAlive: 10, newConnection: 10, slowKeepAlive, slowReader: 3 },
    // Scheduling and sandbox on the cluster: its 2 s per pod without the period of the readiness probe.
    startDelay,
    warmUp: 3000,
    coolDown: 2000,
    timeouts: { total: 20_000 },
    seed,
  })
}

/** The lost requests of a kind of client. Clients that send rarely count as keep-alive clients. */
function lostOf(lost, kind) {
  return kind === 'keepAlive' ? lost.keepAlive + lost.slowKeepAlive : lost[kind]
}

/** Seconds from the beginning of the rolling update to the exit of the last old process. */
function goneAfter({ events }) {
  const begun = events.find(({ type, phase }) => type === 'phase' && phase === 'rolling update').t
  const exits = events.filter(({ type, pod }) => type === 'pod-exit' && pod.startsWith('old-'))
  return (Math.max(...exits.map(({ t }) => t)) - begun) / 1000
}

/** Whether the rehearsal loses requests exactly if the cluster does. A range that begins at 0 allows both. */
function agrees([least, most], lost) {
  if (most === 0) return lost === 0
  return least === 0 || lost > 0
}

const range = ([least, most]) => (least === most ? String(least) : `${least}–${most}`)
const lines = []
let differences = 0
for (const row of rows.filter(({ app }) => app.includes(values.only))) {
  const results = []
  const first = Number(values.seed)
  const { restarts = 1 } = row
  for (let seed = first; seed < first + restarts; seed++) results.push(await rehearseRow(row, seed))
  const sum = (count) => results.reduce((total, { summary }) => total + count(summary), 0)
  const requests = sum((summary) => summary.requests)
  const gone = Math.max(...results.map(goneAfter))
  const { gone: realGone, seen = '–' } = row.real
  const late = realGone === undefined ? 0 : gone / realGone - 1
  const cells = kinds.map((kind) => {
    const lost = sum(({ lostByClient }) => lostOf(lostByClient, kind))
    const real = row.real[kind] ?? row.now?.[kind]
    if (real === undefined) return kind === 'slowReader' ? '–' : `– / ${lost}`
    const same = agrees(real, lost)
    if (!same) differences++
    return `${row.real[kind] === undefined ? '†' : range(real)} / ${same ? lost : `**${lost}**`}`
  })
  if (Math.abs(late) > 0.2) differences++
  const seconds =
    realGone === undefined
      ? `${seen} / ${gone.toFixed(1)} s`
      : `${realGone} / ${gone.toFixed(1)} s (${late < 0 ? '−' : '+'}${Math.abs(late * 100).toFixed(0)} %)`
  const time = Math.abs(late) > 0.2 ? `**${seconds}**` : seconds
  const why = results.flatMap(({ summary }) => summary.diagnoses).sort((a, b) => b.count - a.count)[0]?.why ?? ''
  lines.push(`| ${row.app}${row.on ?? ''} | ${cells.join(' | ')} | ${time} | ${why} |`)
  console.log(
    `${row.app}: ${requests} requests; ${kinds.map((kind, index) => `${kind} ${cells[index]}`).join(', ')}; ${time}`,
  )
  for (const { summary } of results) {
    for (const { count, cause, kind, why } of summary.diagnoses)
      console.log(`    ${count} × ${cause} (${kind}): ${why}`)
    if (summary.heldUpMs > 100) console.log(`    held up ${summary.heldUpMs} ms`)
  }
}
console.log(differences === 0 ? 'the rehearsal agrees with the cluster' : `${differences} differences`)

if (values.write && values.only === '') {
  writeFileSync(
    'docs/proof/faithfulness.md',
    `# How faithful the rehearsal is

For whoever asks whether a rehearsal loses the requests that a real cluster loses. \`npx -y pnpm@10.34.9 faithful\` rehearses
applications that were measured on a real Kubernetes cluster, and writes this page. In each cell the cluster is on the left, and the
rehearsal is on the right. The rehearsal ran on a machine with ${cpus().length} cores and Node ${process.version}
(${new Date().toISOString().slice(0, 10)}). How many requests are lost depends on chance. So two things are compared: whether
requests are lost, and how long it takes until every old pod is gone (within 20 %). ${differences === 0 ? 'They agree.' : `**${differences} ${differences === 1 ? 'difference' : 'differences'}**, in bold.`}

- *The load.* A rolling restart replaces 3 replicas. 10 keep-alive clients send a request every 5–25 ms, and 10 clients open a connection for
  each request. A request takes 20 ms. Clients do not retry. The grace period is 30 s.
- *The cluster.* It has one node with Kubernetes 1.26, kube-proxy in iptables mode, containerd and Node 20.20.2. The kubelet counts the
  grace period as that of Kubernetes 1.28 does.
- *Rows with (1.35)* were measured on a second cluster: one node, Kubernetes 1.35, podrain 0.1.0. Their rehearsals have 30 more clients,
  which send a request every 1–8 s.

| app | lost on keep-alive connections, cluster / rehearsal | on new connections | of slow downloads | old pods gone after | the most frequent reason in the rehearsal |
|---|---|---|---|---|---|
${lines.join('\n')}

† Measured on the cluster before a fix in podrain: see the notes below.

“–” in place of a number means that it was not measured.

The last two rows are the sum of 4 restarts on both sides. The row with a sleep is the sum of 2 restarts in the rehearsal. In the last two
rows 3 more clients read 20 MB at 5 MB/s. The pods of their rehearsals each have a network namespace of their own (\`netns\`), which ends with the pod's process.

## What the rehearsal simulates, and what it does not

- *PID 1.* The kernel does not deliver a signal to PID 1 if PID 1 has no handler for it. Each pod is PID 1 of its own PID namespace, as on the
  cluster. The second row has a shell as its init, which passes SIGTERM on. The row with npm was not measured on the cluster. The row with a
  script was not measured either: its figures of the cluster are those of an app whose node did not get SIGTERM.
- *The time a pod takes to start.* \`startDelay\` of the rehearsal is 900 ms. On the cluster each pod took 2 s to become ready, and the readiness
  probe has a period of 1 s. The value is inferred from the measured totals.
- *Endpoint lag* is random. It is drawn from the minimum, the median and the maximum that were measured under load (126, 1074 and 1196 ms), and is linear in between.
- *The two rows with a hook of 5 s* took 40 s on the cluster and take 36 s in the rehearsal. In the rehearsal the last pod is deleted after
  6 s, and its 30 s include the hook. Kubelets from 1.22 until 1.28 started the grace period again after the hook, which makes 41 s. The cluster's
  kubelet did not do so with a hook of 7 s, where SIGKILL came after 10.0 of 10 s. Whether it did so in these rows is not known. The
  rehearsal counts as kubelets do since 1.28. One run with the sleep took 31.9 s, because the last two pods had only idle connections and exited by
  themselves.
- *A connection to a pod that is gone* hangs on the cluster. With \`netns\` it hangs in the rehearsal, too. Without \`netns\` the rehearsal
  delays the error by 3 s, as long as a kernel tries to resolve the address. Without that delay, the second row lost 183 new connections.
- *Through nginx and haproxy* the cluster restarted Fastify with podrain three times each. It lost 0 of 18,058 and 0 of 17,997 requests, and a
  restart took 10–11 s. On the cluster the proxy connects to the Service's address, and the kernel picks a pod for each connection. In the rehearsal a
  relay picks the pod. The relay accepts a connection before it connects to the pod.
- *Refused connections* depend on the random endpoint lags. For the third row, seeds 1, 2 and 3 gave 289, 256 and 158
  (\`node .ci/faithful.mjs --no-write --only "SIGTERM →" --seed 2\`), more than the cluster's 28–191. Whether the endpoint lags of the
  cluster were shorter, or its clients reconnected more slowly, is not known.
- *A SIGTERM handler of the app beside podrain, without a hook,* lost 173 of 7,027 requests on the cluster (164 of them refused), because the
  handler closed the listener during the drain. A later version of podrain prevents that, so no loss is expected. The cluster was not measured again.
- *Every response says Connection: keep-alive.* The cluster lost 0 of 15,595 requests, but the pods stayed until the end of the grace period,
  because clients were never told to leave. A later version of podrain sends \`close\` whatever the app sets.
- *Times of the rows with (1.35)* are shown and not compared. Some of these rows also had clients with streams, uploads and downloads. Which
  rows had them was not recorded. A pod was ready 1.0 s after its creation, which is the period of the readiness probe. So \`startDelay\` is 0.
- *An exec hook* was measured in four cases of the end-to-end tests. Each case lost no request. Their times were not recorded.
- *How long the last two rows take* was not measured on the cluster. In the rehearsal it depends on the load of the machine.
`,
  )
}
process.exit(differences === 0 ? 0 : 1)
