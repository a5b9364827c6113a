/**
 * What @podrain/kubernetes costs the API server. 10 to 10,000 simulated pods follow a cluster, and the simulated API counts
 * requests and bytes. The clock is virtual. Each simulation runs in its own process. The bench takes about ten minutes. Without
 * `--beside` the counts of “before” are taken from the last result, because that commit does not change.
 *
 *     node kubernetes.js [--pods 10,1000,10000] [--sample 200] [--seed 1] [--only <part of a scenario's name>] [--jobs <one for each processor>]
 *                        [--beside <another checkout of this repository, built: “before”>]
 *                        [--results <directory>] [--docs <directory>]
 */
import { availableParallelism } from 'node:os'
import {
  absences,
  type KubernetesData,
  type Order,
  type Processor,
  type Run,
  type Scenario,
  scenarios,
  type Version,
} from './kubernetes/data.js'
import { options } from './options.js'
import { compareWith } from './ours.js'
import { writePage } from './page.js'
import { run } from './program.js'
import { keep, load } from './results.js'

/** Up to this number of pods, every pod runs the package of this checkout. With more pods, a sample does. */
const mostWithoutSample = 1000
/**
 * About how many bytes the simulated API may send in one rollout. “Before”, each pod was sent every change, so fewer pods run the
 * package there.
 */
const mostSent = 6e9
/** Bytes that a pod receives for each replaced pod if it watches every EndpointSlice: three changes of a slice of 45 kB. */
const perReplaced = 3 * 45_000
/** Pods of each Service, in the runs with many Services. */
const podsPerService = 10
/** The most pods whose processor time is measured. */
const mostMeasured = 100

async function main(): Promise<void> {
  const defaults = { pods: '10,1000,10000', sample: 200, seed: 1, only: '', beside: '' }
  const given = options({ ...defaults, jobs: availableParallelism() })
  const sizes = given.pods.split(',').map(Number)
  if (!sizes.every((size) => Number.isInteger(size) && size > 0)) {
    throw new RangeError(`Expected --pods to be whole numbers above 0, got ${given.pods}`)
  }
  compareWith(given.beside)
  const versions: Version[] = given.beside === '' ? ['after'] : ['before', 'after']
  const sampleOf = (version: Version, pods: number, scenario?: Scenario): number => {
    const most = version === 'after' && pods <= mostWithoutSample ? pods : given.sample
    const sent = version === 'before' && scenario === 'rolling over' ? Math.ceil(mostSent / perReplaced / pods) : most
    return Math.min(pods, most, sent)
  }
  const names = [...scenarios, ...absences].filter((scenario) => scenario.includes(given.only))
  const orders = versions.flatMap((version) =>
    sizes.flatMap((pods) =>
      names.flatMap((scenario) => {
        const order: Order = {
          scenario,
          pods,
          services: 1,
          sample: sampleOf(version, pods, scenario),
        }
        const many = pods > podsPerService && (scenario === 'serving' || scenario === 'rolling over')
        return [order, ...(many ? [{ ...order, services: Math.ceil(pods / podsPerService) }] : [])].map((each) => ({
          version,
          order: each,
        }))
      }),
    ),
  )
  const kept = given.beside === '' ? load<KubernetesData>('kubernetes', given)?.data : undefined
  const { default: pMap } = await import('p-map')
  await keep('kubernetes', given, ['@podrain/core', '@podrain/kubernetes'], async (): Promise<KubernetesData> => {
    const simulate = async ({ version, order }: (typeof orders)[number]): Promise<Run> => {
      const figures = await run<Run>('kubernetes/run', version, given.seed, JSON.stringify(order))
      const { scenario, pods, services, sample } = order
      console.log(
        `${version}, ${scenario}, ${sample} of ${pods} pods, ${services} Services: ${Math.round(figures.took)} s`,
      )
      return figures
    }
    const runs = await pMap(orders, simulate, { concurrency: given.jobs })
    const measured = given.only === '' ? versions.flatMap((version) => sizes.map((pods) => ({ version, pods }))) : []
    const measure = async ({ version, pods }: (typeof measured)[number]): Promise<Processor> => {
      const sample = Math.min(mostMeasured, sampleOf(version, pods, 'rolling over'))
      const times = await run<Processor>('kubernetes/processor', version, pods, sample)
      console.log(`${version}, processor time, ${sample} of ${pods} pods`)
      return times
    }
    const processor = await pMap(measured, measure, { concurrency: given.jobs })
    const isBefore = ({ version }: { version: Version }): boolean => version === 'before'
    return {
      seed: given.seed,
      runs: [...(kept?.runs.filter(isBefore) ?? []), ...runs],
      processor: [...(kept?.processor.filter(isBefore) ?? []), ...processor],
    }
  })
  await writePage(given)
}

void main()
