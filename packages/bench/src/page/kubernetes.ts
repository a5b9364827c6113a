import { absences, type KubernetesData, type Phase, type Run, type Scenario, type Version } from '../kubernetes/data.js'
import { load } from '../results.js'
import { fixed, origin, picture, type Section, table } from './section.js'

export const kubernetes: Section = (directories, charts) => {
  const result = load<KubernetesData>('kubernetes', directories)
  if (!result) return undefined
  const { data } = result
  const { runs, processor, seed } = data
  const of = (...names: Scenario[]): Run[] =>
    runs
      .filter(({ scenario, services }) => names.includes(scenario) && services === 1)
      .toSorted((a, b) => a.pods - b.pods || names.indexOf(a.scenario) - names.indexOf(b.scenario))
  const many = runs
    .filter(({ services }) => services > 1)
    .flatMap((run) => [
      ...runs.filter((one) => one.services === 1 && one.version === run.version && isAlike(one, run)),
      run,
    ])
  const away = of(...absences)
  const text = `## What was to be shown

${claimsOf(data)
  .map(({ sentence }) => `- ${sentence}`)
  .join('\n')}

## Serving

An hour in which nothing happens, after the five minutes in which the pods have started.

${table(
  [
    '',
    'start: requests',
    'start: kB',
    'an hour: requests',
    'an hour: kB',
    'watches open at most',
    'all pods: requests/s',
    'all pods: MB an hour',
  ],
  of('serving').map((run) => {
    const [start, hour] = [phaseOf(run, 'start'), phaseOf(run, 'hour')]
    return [
      nameOf(run),
      ...[perPod(run, requestsIn(start)), perPod(run, bytesIn(start) / 1e3)].map((value) => fixed(value, 1)),
      ...[perPod(run, requestsIn(hour)), perPod(run, bytesIn(hour) / 1e3)].map((value) => fixed(value, 1)),
      fixed(perPod(run, watchesIn(hour)), 2),
      fixed(inAll(run, requestsIn(hour)) / hour.seconds, 1),
      fixed(inAll(run, bytesIn(hour)) / 1e6, 1),
    ]
  }),
)}

${picture('kubernetes-serving', 'Bytes from the API server in an hour of serving, by the number of pods')}

With \`report: true\`, and a steady mean of 6 requests in flight:

${table(
  ['', 'PATCHes per pod and hour', 'kB per pod and hour', 'all pods: writes/s'],
  of('reporting').map((run) => {
    const hour = phaseOf(run, 'hour')
    const patches = requestsIn(hour, 'patch')
    return [
      nameOf(run),
      fixed(perPod(run, patches), 2),
      fixed(perPod(run, bytesIn(hour) / 1e3), 1),
      fixed(inAll(run, patches) / hour.seconds, 2),
    ]
  }),
)}

Without any permission:

${table(
  ['', 'requests per pod in the first 5 min', 'requests per pod and hour', 'all pods: requests/s'],
  of('forbidden').map((run) => {
    const [start, hour] = [phaseOf(run, 'start'), phaseOf(run, 'hour')]
    return [
      nameOf(run),
      fixed(perPod(run, requestsIn(start)), 1),
      fixed(perPod(run, requestsIn(hour)), 1),
      fixed(inAll(run, requestsIn(hour)) / hour.seconds, 2),
    ]
  }),
)}

## Rolling over

Every pod is replaced, with \`maxSurge: 25%\`: a new one is ready, an old one terminates, and is gone when its drain is over. Each of these
changes is a change of a slice of its own. It is counted until the last new pods have been there for two and a half minutes.

${rolloutTable(of('rolling over'))}

${picture('kubernetes-rollout', 'Bytes from the API server in a rollout, by the number of pods')}

## One Service of all pods, and many Services

A full slice has 100 endpoints and about 45 kB. With 10 pods to a Service there are ten times as many slices in the namespace, of a tenth of the size.

${rolloutTable(many.filter(({ scenario }) => scenario === 'rolling over'))}

${table(
  ['', 'start: kB per pod', 'start: all pods, MB'],
  many
    .filter(({ scenario }) => scenario === 'serving')
    .map((run) => {
      const start = bytesIn(phaseOf(run, 'start'))
      return [nameOf(run), fixed(perPod(run, start / 1e3), 1), fixed(inAll(run, start) / 1e6)]
    }),
)}

## The API away

All watches break at once, and it lasts a minute, or 6 s where it says so: connections are refused; or taken, and never answered; or every request is answered with that
status, with \`Retry-After: 1\` or without. After 429 it goes on as before, with all that it knew; else it has started anew, and knows no version from before. Requests are those of each pod.

${table(
  [
    '',
    'meanwhile',
    'in the first 10 s',
    'in the first minute',
    'kB in the first minute',
    'half watch again, s',
    '99 %',
    'all',
  ],
  away.map((run) => {
    const first = phaseOf(run, '10 s')
    const minute = [first, phaseOf(run, 'to a minute')]
    const sum = (count: (phase: Phase) => number): number => minute.reduce((all, phase) => all + count(phase), 0)
    return [
      `${run.scenario}: ${nameOf(run)}`,
      ...[requestsIn(phaseOf(run, 'away')), requestsIn(first), sum(requestsIn)].map((value) =>
        fixed(perPod(run, value), 2),
      ),
      fixed(perPod(run, sum(bytesIn) / 1e3), 1),
      ...(['50', '99', '100'] as const).map((share) => {
        const seconds = run.again?.[share]
        return seconds === null || seconds === undefined ? 'not within an hour' : fixed(seconds)
      }),
    ]
  }),
)}

${picture('kubernetes-return', 'Requests of all pods in the first 10 s after the API was away for 6 s, by the number of pods')}

## The processor of a pod

Milliseconds that the package takes in each pod, beyond what a drain takes by itself. The API is in another process, and both speak over loopback.

${table(
  [
    '',
    'start, ms',
    'an hour of serving, ms',
    'a rollout in which the pod is replaced, ms',
    'the same by replaced pods of the namespace, ms',
  ],
  processor
    .toSorted((a, b) => a.pods - b.pods)
    .map((one) => [
      nameOf({ ...one, services: 1 }),
      fixed(one.start, 1),
      fixed(one.hour, 1),
      fixed(one.rollout, 1),
      fixed(one.rollout / one.pods, 3),
    ]),
)}

## How

- *The cluster is simulated, the package is not.* Each pod has a \`Drain\` and \`kubernetes(drain)\` of its own, and a clock that an hour takes seconds of. The API
  answers as kube-apiserver does from its watch cache: lists with selectors and pages, compressed from 128 kB on for who takes it; watches from a
  version, or from what there is; bookmarks each minute; 410 for what it has forgotten. Objects are as long as those of a real cluster.
- *“200 of 10,000 pods”*: the namespace has 10,000 pods, whose changes the API tells; 200 of them, spread evenly, run the package and are sent what they ask for.
  Their requests and bytes are counted, and all pods together are as many times that. It holds as pods decide by themselves: what one asks does not
  depend on what others ask. Rows without it are counted whole.
- Bytes are those of HTTP from the API server, headers and chunks included, after compression. HTTP is Node's, over connections in memory. A handshake of TLS for
  each request is not in them: some 2 to 4 kB from the server.
- Chance is the same in each run (\`--seed ${seed}\`).

${origin(result)}`
  const series = (list: Run[], y: (run: Run) => number) =>
    list.map((run) => ({ x: run.pods, y: y(run), series: run.version }))
  const pods = 'pods'
  return {
    text,
    pictures: {
      'kubernetes-serving': charts.growth(
        series(of('serving'), (run) => inAll(run, bytesIn(phaseOf(run, 'hour'))) / 1e6),
        { x: pods, y: 'MB in an hour of serving' },
      ),
      'kubernetes-rollout': charts.growth(
        series(of('rolling over'), (run) => inAll(run, bytesIn(phaseOf(run, 'rollout'))) / 1e6),
        { x: pods, y: 'MB in a rollout' },
      ),
      'kubernetes-return': charts.growth(
        series(of('refused for 6 s'), (run) => inAll(run, requestsIn(phaseOf(run, '10 s')))),
        { x: pods, y: 'requests in the first 10 s' },
      ),
    },
  }
}

/** A sentence that the page says, and whether it is what was wanted. */
export interface Claim {
  readonly sentence: string
  readonly kept: boolean
}

/** What was wanted: shares, watches per pod, and requests per pod in 10 s. */
const wanted = { rollout: 0.01, watches: 1, returning: 0.1 } as const

/** The sentences that follow from what was measured; those that need a comparison only where there was one. */
export function claimsOf({ runs }: Pick<KubernetesData, 'runs'>): Claim[] {
  const claim = (sentence: string, limit: string, kept: boolean): Claim => ({
    sentence: `${sentence} ${kept ? 'Wanted, and kept' : '**Wanted, and not kept**'}: ${limit}.`,
    kept,
  })
  const after = runs.filter(({ version }) => version === 'after')
  const rollouts = after.flatMap((run) => {
    const before = runs.find((one) => one.version === 'before' && isAlike(one, run) && one.services === run.services)
    if (run.scenario !== 'rolling over' || run.services !== 1 || !before) return []
    const [own, others] = [run, before].map((one) => inAll(one, bytesIn(phaseOf(one, 'rollout')))) as [number, number]
    const sizes = `${amount(others)} before, and ${amount(own)} after`
    const sentence = `In a rollout of ${fixed(run.pods)} pods the API server sends ${sizes}: ${percent(own / others)} of it.`
    // At ten pods there is next to nothing to save: the target was set for a thousand.
    return run.pods < 1000
      ? [{ sentence, kept: true }]
      : [claim(sentence, `at most ${percent(wanted.rollout)}`, own / others <= wanted.rollout)]
  })
  const serving = after.filter(({ scenario }) => scenario === 'serving')
  const watches = Math.max(...serving.map((run) => perPod(run, watchesIn(phaseOf(run, 'hour')))))
  const returning = after.filter(({ scenario }) => (absences as readonly string[]).includes(scenario))
  // Of a few pods one more or less is chance.
  const largest = Math.max(...returning.map(({ sample }) => sample))
  const returns = returning
    .filter(({ sample }) => sample === largest)
    .map((run) => ({ run, requests: perPod(run, requestsIn(phaseOf(run, '10 s'))) }))
  const worst = returns.toSorted((a, b) => b.requests - a.requests).at(0)
  return [
    ...rollouts,
    ...(serving.length === 0
      ? []
      : [
          claim(
            `While serving, a pod has ${fixed(watches, 2)} watches open at most.`,
            `at most ${wanted.watches}`,
            watches <= wanted.watches,
          ),
        ]),
    ...(worst === undefined
      ? []
      : [
          claim(
            `In the first 10 s after the API was away, each pod sends ${fixed(worst.requests, 3)} requests in the worst case, ` +
              `which is “${worst.run.scenario}” with ${fixed(worst.run.pods)} pods.`,
            `at most ${wanted.returning}`,
            worst.requests <= wanted.returning,
          ),
        ]),
  ]
}

function rolloutTable(runs: readonly Run[]): string {
  return table(
    [
      '',
      'requests per pod',
      'kB per pod',
      'watches open per pod, mean',
      'seconds',
      'all pods: requests/s',
      'all pods: MB',
    ],
    runs.map((run) => {
      const rollout = phaseOf(run, 'rollout')
      const { pods, endpointslices } = rollout.watches
      return [
        nameOf(run),
        fixed(perPod(run, requestsIn(rollout)), 1),
        fixed(perPod(run, bytesIn(rollout) / 1e3), 1),
        fixed(perPod(run, pods.mean + endpointslices.mean), 2),
        fixed(rollout.seconds),
        fixed(inAll(run, requestsIn(rollout)) / rollout.seconds, 1),
        fixed(inAll(run, bytesIn(rollout)) / 1e6, 1),
      ]
    }),
  )
}

/** Whether both are the same scenario with as many pods. */
function isAlike(one: Run, other: Run): boolean {
  return one.scenario === other.scenario && one.pods === other.pods
}

function nameOf({
  version,
  pods,
  sample,
  services,
}: {
  version: Version
  pods: number
  sample: number
  services: number
}): string {
  const spread = services === 1 ? '' : `, ${fixed(services)} Services`
  return `${version}, ${sample === pods ? '' : `${fixed(sample)} of `}${fixed(pods)} pods${spread}`
}

function phaseOf(run: Run, name: string): Phase {
  const phase = run.phases.find((one) => one.name === name)
  if (!phase) throw new Error(`the simulation “${run.scenario}” has no phase “${name}”`)
  return phase
}

/** @param verb Only those; all, refused connections too, if it is not given. */
function requestsIn({ requests }: Phase, verb = ''): number {
  return sum(Object.entries(requests).flatMap(([what, count]) => (what.startsWith(verb) ? [count] : [])))
}

function bytesIn({ bytes }: Phase): number {
  return sum(Object.values(bytes))
}

/** Of all kinds, at most. */
function watchesIn({ watches }: Phase): number {
  return sum(Object.values(watches).map(({ most }) => most))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0)
}

function perPod({ sample }: Run, counted: number): number {
  return counted / sample
}

function inAll({ sample, pods }: Run, counted: number): number {
  return (counted / sample) * pods
}

function amount(bytes: number): string {
  const [size, unit] = bytes >= 1e12 ? [1e12, 'TB'] : bytes >= 1e9 ? [1e9, 'GB'] : [1e6, 'MB']
  return `${fixed(bytes / size, bytes / size < 100 ? 1 : 0)} ${unit}`
}

function percent(share: number): string {
  return `${fixed(100 * share, share < 0.1 ? 2 : 0)} %`
}
