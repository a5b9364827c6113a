import { absences, type KubernetesData, type Phase, type Run, type Scenario } from '../kubernetes/data.js'
import { bytesIn, inAll, isAlike, perPod, phaseOf, requestsIn, watchesIn } from '../kubernetes/figures.js'
import { load } from '../results.js'
import { claimsOf } from './kubernetes-claims.js'
import { fixed, origin, picture, type Section, table } from './section.js'

type Count = (phase: Phase) => number
/** A column of a table. */
type Column<Row> = (row: Row) => string

const patchesIn: Count = (phase) => requestsIn(phase, 'patch')
const openIn: Count = ({ watches }) => watches.pods.mean + watches.endpointslices.mean

/** The count of a phase per pod (`each`), of all pods (`all`), and of all pods per second (`rate`). */
const each =
  (phase: string, count: Count, digits = 1, unit = 1): Column<Run> =>
  (run) =>
    fixed(perPod(run, count(phaseOf(run, phase))) / unit, digits)
const all =
  (phase: string, count: Count, digits = 1, unit = 1): Column<Run> =>
  (run) =>
    fixed(inAll(run, count(phaseOf(run, phase))) / unit, digits)
const rate =
  (phase: string, count: Count, digits = 1): Column<Run> =>
  (run) =>
    fixed(inAll(run, count(phaseOf(run, phase))) / phaseOf(run, phase).seconds, digits)
const again =
  (percent: '50' | '99' | '100'): Column<Run> =>
  ({ again }) => {
    const seconds = again?.[percent] ?? undefined
    return seconds === undefined ? 'not within an hour' : fixed(seconds)
  }

export const kubernetes: Section = (directories, charts) => {
  const result = load<KubernetesData>('kubernetes', directories)
  if (!result) return undefined
  const { runs, processor, seed } = result.data
  const of = (...names: Scenario[]): Run[] =>
    runs
      .filter(({ scenario, services }) => names.includes(scenario) && services === 1)
      .toSorted((a, b) => a.pods - b.pods || names.indexOf(a.scenario) - names.indexOf(b.scenario))
  /** The runs with many Services, each after the run with the same number of pods in one Service. */
  const many = (name: Scenario): Run[] =>
    runs
      .filter(({ scenario, services }) => scenario === name && services > 1)
      .flatMap((run) => [...of(name).filter((one) => one.version === run.version && isAlike(one, run)), run])
  const text = `## Results and targets

${claimsOf(result.data)
  .map(({ sentence }) => `- ${sentence}`)
  .join('\n')}

## Serving

The pods start within a minute. Five minutes are counted as the start, and an hour after them, in which nothing happens.

${tableOf(of('serving'), nameOf, {
  'start: requests': each('start', requestsIn),
  'start: kB': each('start', bytesIn, 1, 1e3),
  'an hour: requests': each('hour', requestsIn),
  'an hour: kB': each('hour', bytesIn, 1, 1e3),
  'watches open at most': each('hour', watchesIn, 2),
  'all pods: requests/s': rate('hour', requestsIn),
  'all pods: MB an hour': all('hour', bytesIn, 1, 1e6),
})}

${picture('kubernetes-serving', 'Bytes from the API server in an hour of serving, by the number of pods')}

With \`annotations: true\`, and a steady mean of 6 requests in flight:

${tableOf(of('writing annotations'), nameOf, {
  'an hour: PATCHes': each('hour', patchesIn, 2),
  'an hour: kB': each('hour', bytesIn, 1, 1e3),
  'all pods: writes/s': rate('hour', patchesIn, 2),
})}

Without any permission:

${tableOf(of('forbidden'), nameOf, {
  'start: requests': each('start', requestsIn),
  'an hour: requests': each('hour', requestsIn),
  'all pods: requests/s': rate('hour', requestsIn, 2),
})}

## Rolling over

Every pod is replaced, with \`maxSurge: 25%\`. A new pod becomes ready, an old pod terminates, and the old pod is gone when its drain is over.
Each of these three events changes an EndpointSlice. Counting ends two and a half minutes after the last old pod is gone.

${tableOf(of('rolling over'), nameOf, ofRollout)}

${picture('kubernetes-rollout', 'Bytes from the API server in a rollout, by the number of pods')}

## One Service of all pods, and many Services

A full EndpointSlice has 100 endpoints and about 45 kB. With 10 pods per Service the namespace has ten times as many EndpointSlices of a tenth
of that size.

${tableOf(many('rolling over'), nameOf, ofRollout)}

${tableOf(many('serving'), nameOf, {
  'start: kB': each('start', bytesIn, 1, 1e3),
  'start: all pods, MB': all('start', bytesIn, 0, 1e6),
})}

## The API away

All watches break at the same time. For a minute, or for 6 s in the rows that say so, the API does what the row says. It refuses connections, accepts requests
and never responds (“hanging”), or responds to each request with the status in the row. After 429 the API continues with all its versions. After the other
absences it has restarted and knows no earlier version.

${tableOf(of(...absences), (run) => `${run.scenario}: ${nameOf(run)}`, {
  'requests meanwhile': each('away', requestsIn, 2),
  'in the first 10 s': each('10 s', requestsIn, 2),
  'in the next 50 s': each('to a minute', requestsIn, 2),
  'kB in the first 10 s': each('10 s', bytesIn, 1, 1e3),
  'kB in the next 50 s': each('to a minute', bytesIn, 1, 1e3),
  'half watch again, s': again('50'),
  '99 %, s': again('99'),
  'all, s': again('100'),
})}

${picture('kubernetes-return', 'Requests of all pods in the first 10 s after the API was away for 6 s, by the number of pods')}

## The processor of a pod

Processor time of the package in each pod, in milliseconds, without that of the drain. The API is in another process, and requests go over
loopback. The last column is the time of the rollout, divided by the number of replaced pods. A difference of a few milliseconds is chance,
because garbage is collected in one run and not in another.

${tableOf(
  processor.toSorted((a, b) => a.pods - b.pods),
  nameOf,
  {
    'start, ms': ({ start }) => fixed(start, 1),
    'an hour of serving, ms': ({ hour }) => fixed(hour, 1),
    'a rollout, ms': ({ rollout }) => fixed(rollout, 1),
    'a rollout, by replaced pod, ms': ({ rollout, pods }) => fixed(rollout / pods, 3),
  },
)}

## How

- *The cluster is simulated, the package is not.* Each pod has its own \`Drain\` and its own \`kubernetes(drain)\`. The clock is virtual, so an hour
  takes seconds. The API responds as kube-apiserver does from its watch cache: lists with selectors and pages, compressed from 128 kB on for
  clients that accept gzip; watches from a version, or from the current objects; a bookmark each minute; 410 for a version that is too old.
  Objects are as large as those of a real cluster.
- *“200 of 10,000 pods”*: the namespace has 10,000 pods, and the API sends the events of all of them. 200 pods, spread evenly, run the package.
  Their requests and bytes are counted, and the figures for all pods are these counts, scaled up. That is possible because the requests of a pod do not
  depend on those of other pods. In rows without “of”, every pod runs the package, and everything is counted.
- A figure is per pod, unless the column says “all pods”. Bytes are those of HTTP from the API server, with headers and after compression. HTTP
  is that of Node, over connections in memory. The TLS handshake of each request is not counted.
- Random numbers are the same in each run (\`--seed ${seed}\`).

${origin(result)}`
  const growth = (list: readonly Run[], phase: string, count: Count, unit: number, y: string): string =>
    charts.growth(
      list.map((run) => ({ x: run.pods, y: inAll(run, count(phaseOf(run, phase))) / unit, series: run.version })),
      { x: 'pods', y },
    )
  return {
    text,
    pictures: {
      'kubernetes-serving': growth(of('serving'), 'hour', bytesIn, 1e6, 'MB in an hour of serving'),
      'kubernetes-rollout': growth(of('rolling over'), 'rollout', bytesIn, 1e6, 'MB in a rollout'),
      'kubernetes-return': growth(of('refused for 6 s'), '10 s', requestsIn, 1, 'requests in the first 10 s'),
    },
  }
}

const ofRollout: Readonly<Record<string, Column<Run>>> = {
  requests: each('rollout', requestsIn),
  kB: each('rollout', bytesIn, 1, 1e3),
  'watches open, mean': each('rollout', openIn, 2),
  seconds: (run) => fixed(phaseOf(run, 'rollout').seconds),
  'all pods: requests/s': rate('rollout', requestsIn),
  'all pods: MB': all('rollout', bytesIn, 1, 1e6),
}

function tableOf<Row>(
  rows: readonly Row[],
  name: (row: Row) => string,
  columns: Readonly<Record<string, Column<Row>>>,
): string {
  const cells = (row: Row): string[] => Object.values(columns).map((column) => column(row))
  return table(
    ['', ...Object.keys(columns)],
    rows.map((row) => [name(row), ...cells(row)]),
  )
}

function nameOf({
  version,
  pods,
  sample,
  services = 1,
}: Pick<Run, 'version' | 'pods' | 'sample'> & Partial<Run>): string {
  const spread = services === 1 ? '' : `, ${fixed(services)} Services`
  return `${version}, ${sample === pods ? '' : `${fixed(sample)} of `}${fixed(pods)} pods${spread}`
}
