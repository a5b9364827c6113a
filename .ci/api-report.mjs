/**
 * What each published package exports, as a report beside its code (`packages/core/core.api.md`), so that a review sees a
 * breaking change.
 *
 *     node .ci/api-report.mjs           fails where a report is not what the code exports
 *     node .ci/api-report.mjs --write   writes the reports
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor'

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } })
const packages = join(import.meta.dirname, '../packages')
const reportTempFolder = mkdtempSync(join(tmpdir(), 'podrain-api-'))
const unreported = { default: { logLevel: 'none' } }

/** Whether the report of the package in this folder is not what it exports. */
function isStale(name) {
  const projectFolder = join(packages, name)
  const packageJsonFullPath = join(projectFolder, 'package.json')
  const manifest = JSON.parse(readFileSync(packageJsonFullPath, 'utf8'))
  if (manifest.private || !manifest.types) return false
  const config = ExtractorConfig.prepare({
    packageJsonFullPath,
    configObject: {
      projectFolder,
      mainEntryPointFilePath: join(projectFolder, manifest.types),
      compiler: { tsconfigFilePath: join(projectFolder, 'tsconfig.json') },
      apiReport: { enabled: true, reportFolder: projectFolder, reportTempFolder, includeForgottenExports: true },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: { extractorMessageReporting: unreported, tsdocMessageReporting: unreported },
    },
  })
  const messageCallback = (message) => {
    message.handled = message.logLevel !== 'error'
  }
  return Extractor.invoke(config, { localBuild: values.write, messageCallback }).apiReportChanged
}

const stale = readdirSync(packages).filter(isStale)
rmSync(reportTempFolder, { recursive: true })
if (values.write) console.log(`written: ${stale.join(', ') || 'nothing has changed'}`)
else if (stale.length > 0) {
  console.error(
    `What these packages export is not what their report says: ${stale.join(', ')}. ` +
      '`pnpm api-report --write` writes it; a breaking change also needs a changeset of its own.',
  )
  process.exitCode = 1
}
