import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Skipped } from '../text/skipped.js'
import type { Source } from '../text/source.js'

/** ms that `helm template` may take. It only reads files. */
const limit = 30_000

export function isChart(directory: string): boolean {
  return existsSync(join(directory, 'Chart.yaml'))
}

/** The directory of the chart that a template file belongs to; undefined if the file is not a template. */
export function chartOf(file: string): string | undefined {
  let directory = dirname(file)
  for (let up = 0; up < 4; up++, directory = dirname(directory)) {
    if (/(^|[\\/])templates$/.test(directory) && isChart(dirname(directory))) return dirname(directory)
  }
  return undefined
}

/** Renders a chart with its own values by `helm template`, one source for each template; or returns why it could not be rendered. */
export function render(chart: string): Source[] | Skipped {
  const skipped = (why: string): Skipped => ({
    file: join(chart, 'Chart.yaml'),
    line: 1,
    what: 'a Helm chart',
    why,
  })
  const { error, status, stdout, stderr } = spawnSync('helm', ['template', 'podrain', chart], {
    encoding: 'utf8',
    timeout: limit,
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  if (code === 'ENOENT') {
    return skipped(`helm is not installed here. Lint what it makes of it: helm template ${chart} | podrain lint -`)
  }
  if (code === 'ETIMEDOUT') return skipped(`helm template was not done after ${limit / 1000} s`)
  if (/missing in charts\/ directory/.test(stderr)) {
    return skipped(`charts that it depends on are not there. Fetch them: helm dependency build ${chart}`)
  }
  if (error !== undefined || status !== 0) {
    const [said = ''] = stderr.split('\n').filter((line) => /^Error/.test(line))
    return skipped(`helm template ended with ${error === undefined ? `code ${status}` : error.message}. ${said}`.trim())
  }
  return sourcesIn(stdout, chart)
}

/** Splits the rendered text by template. Each document names its template: `# Source: shop/templates/web.yaml`, where `shop` is the chart. */
function sourcesIn(rendered: string, chart: string): Source[] {
  const texts = new Map<string, string>()
  for (const document of rendered.split(/^---$/m)) {
    const [, path] = /^# Source: [^/\s]+\/(.+)$/m.exec(document) ?? []
    if (path === undefined) continue
    const file = join(chart, path)
    texts.set(file, `${texts.get(file) ?? ''}---${document}`)
  }
  return [...texts].map(([file, text]) => ({ file, text, chart }))
}
