import type { LintData } from '../lint/data.js'
import { shapes } from '../lint/manifests.js'
import type { Run } from '../lint/measure.js'
import { load } from '../results.js'
import { spread } from '../statistics.js'
import { fixed, origin, picture, type Section, table } from './section.js'

export const lint: Section = (directories, charts) => {
  const result = load<LintData>('lint', directories)
  if (!result) return undefined
  const { repeats, runs } = result.data
  const rows = [...new Set(runs.map(({ documents }) => documents))].flatMap((documents) =>
    shapes.map((shape) => {
      const own = runs.filter((run) => run.documents === documents && run.shape === shape)
      const median = (of: (run: Run) => number) => spread(own.map(of)).median
      return { documents, shape, cpu: median(({ cpu }) => cpu), peak: median(({ peak }) => peak) }
    }),
  )
  const text = `## bench:lint: what lint takes for many manifests

Apps with a Deployment, a Service, a PodDisruptionBudget and an Ingress each, in which there is nothing to find. Who belongs to whom is looked up
by namespace, label and name, so twice as many take twice as long, and it does not matter how they are spread.

${table(
  ['documents', 'spread', 'CPU, ms', 'ms per document', 'most memory, MB'],
  rows.map(({ documents, shape, cpu, peak }) => [
    fixed(documents),
    shape,
    fixed(cpu),
    fixed(cpu / documents, 2),
    fixed(peak),
  ]),
)}

${picture('lint', 'Time by the number of documents, in one namespace')}

How: each run is a process of its own, ${repeats} of each, of which the medians are shown. Reading files and loading the schemas of Kubernetes
(once) are not in the times. ${origin(result)}`
  // The others would lie on top of it.
  const drawn = rows.filter(({ shape }) => shape === 'in one namespace')
  const points = drawn.map(({ documents, shape, cpu }) => ({ x: documents, y: cpu, series: shape }))
  return { text, pictures: { lint: charts.growth(points, { x: 'documents', y: 'CPU, ms' }) } }
}
