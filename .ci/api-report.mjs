/**
 * What each published package exports, as a report beside its code (`packages/core/core.api.md`), so that a review sees a
 * breaking change.
 *
 *     node .ci/api-report.mjs           fails where a report is not what the code exports
 *     node .ci/api-report.mjs --write   writes the reports
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor'
import { published } from './published.mjs'

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } })
const packages = join(import.meta.dirname, '../packages')
const reportTempFolder = mkdtempSync(join(tmpdir(), 'podrain-api-'))
const unreported = { default: { logLevel: 'none' } }
const messageCallback = (message) => {
  message.handled = message.logLevel !== 'error'
}

/** The reports that are not what their package exports: one of each entry point that has types. */
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
if (values.write) console.log(`written: ${stale.join(', ') || 'nothing has changed'}`)
else if (stale.length > 0) {
  console.error(
    `These reports are not what the code exports: ${stale.join(', ')}. \`pnpm api-report --write\` writes them. ` +
      'A breaking change also needs a changeset that says what users have to do.',
  )
  process.exitCode = 1
}
