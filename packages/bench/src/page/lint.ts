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
  const text = `## bench:lint: how long lint takes for many manifests

Each app has a Deployment, a Service, a PodDisruptionBudget and an Ingress, without a finding. \`podrain lint\` looks up related objects by
namespace, label and name. So twice as many objects take twice as long, however the objects are spread over namespaces and files.

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

How: each run has its own process. The table shows medians of ${repeats} runs. The times do not include reading the files, nor loading the
schemas of Kubernetes, which happens once. ${origin(result)}`
  // One shape only, because the lines of the others would cover this one.
  const drawn = rows.filter(({ shape }) => shape === 'in one namespace')
  const points = drawn.map(({ documents, shape, cpu }) => ({ x: documents, y: cpu, series: shape }))
  return { text, pictures: { lint: charts.growth(points, { x: 'documents', y: 'CPU, ms' }) } }
}
