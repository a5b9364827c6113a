/**
 * Lists the exports of each published package in a report beside its code (`packages/core/core.api.md`), so that a review sees a
 * breaking change.
 *
 *     node .ci/checks/api-report.mjs           fails if a report differs from the exports
 *     node .ci/checks/api-report.mjs --write   writes the reports
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor'
import { published } from '../shared/published.mjs'

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } })
const packages = join(import.meta.dirname, '../../packages')
const reportTempFolder = mkdtempSync(join(tmpdir(), 'podrain-api-'))
const unreported = { default: { logLevel: 'none' } }
const messageCallback = (message) => {
  message.handled = message.logLevel !== 'error'
}

/** The reports of a package that differ from its exports. Each entry point with types has a report. */
function staleReports({ folder, exports }) {
  const projectFolder = join(packages, folder)
  const packageJsonFullPath = join(projectFolder, 'package.json')
  return Object.entries(exports)
    .filter(([, { types }]) => types)
    .map(([path, { types }]) => ({ reportFileName: `${folder}${path.slice(1).replaceAll('/', '.')}.api.md`, types }))
    .filter(({ reportFileName, types }) => {
      const config = ExtractorConfig.prepare({
        packageJsonFullPath,
        configObject: {
          newlineKind: 'lf',
          projectFolder,
          mainEntryPointFilePath: join(projectFolder, types),
          compiler: { tsconfigFilePath: join(projectFolder, 'tsconfig.json') },
          apiReport: {
            ...{ enabled: true, reportFolder: projectFolder, reportTempFolder, reportFileName },
            includeForgottenExports: true,
          },
          docModel: { enabled: false },
          dtsRollup: { enabled: false },
          tsdocMetadata: { enabled: false },
          messages: { extractorMessageReporting: unreported, tsdocMessageReporting: unreported },
        },
      })
      return Extractor.invoke(config, { localBuild: values.write, messageCallback }).apiReportChanged
    })
    .map(({ reportFileName }) => reportFileName)
}

const stale = published.flatMap(staleReports)
rmSync(reportTempFolder, { recursive: true })
if (values.write) console.log(`written: ${stale.join(', ') || 'no report has changed'}`)
else if (stale.length > 0) {
  console.error(
    `These reports differ from the exports of the code: ${stale.join(', ')}. \`pnpm api-report --write\` writes them. ` +
      'A breaking change also needs a changeset that says what users have to do.',
  )
  process.exitCode = 1
}
