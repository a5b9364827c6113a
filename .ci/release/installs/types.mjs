import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dependenciesOf, project } from './project.mjs'
import { run } from './run.mjs'
import { record, table } from './tally.mjs'
import { devDependencies } from './tarballs.mjs'

/** Compiles a consumer of the declarations with TypeScript from 5.0 on. */
export async function types({ place, registry, packed }) {
  const compilers = ['5.0.4', '5.4.5', '5.9.3', '6.0.3', '7.0.2']
  const names = packed
    .map(({ manifest }) => manifest.name.replace('@podrain/', ''))
    .filter((name) => name !== 'podrain')
  const directory = project(join(place, 'types'), registry, {
    dependencies: {
      ...dependenciesOf(...names),
      // The newest NestJS has ES modules only, so declarations that are CommonJS may not import its types.
      ...{ '@nestjs/common': '12.5.1', '@nestjs/core': '12.5.1', '@nestjs/platform-express': '12.5.1' },
      'prom-client': '15.1.3',
    },
    devDependencies: {
      ...{ '@types/node': devDependencies['@types/node'], '@types/express': '5.0.6', '@types/koa': '3.0.3' },
      ...Object.fromEntries(compilers.map((version) => [`typescript-${version}`, `npm:typescript@${version}`])),
    },
  })
  await run(directory, 'npm', ['install', '--no-audit', '--no-fund'])
  const consumer = readFileSync(join(import.meta.dirname, 'types', 'consumer.mts'), 'utf8')
  writeFileSync(join(directory, 'consumer.mts'), consumer)
  writeFileSync(join(directory, 'consumer.cts'), consumer)
  const rows = []
  for (const version of compilers) {
    const cells = []
    for (const [module, moduleResolution] of [
      ['node16', 'node16'],
      ['nodenext', 'nodenext'],
      ['esnext', 'bundler'],
    ]) {
      const errors = async (skipLibCheck) => {
        const compilerOptions = {
          module,
          moduleResolution,
          skipLibCheck,
          strict: true,
          noEmit: true,
          target: 'es2022',
          lib: ['es2023'],
          types: ['node'],
          esModuleInterop: true,
          exactOptionalPropertyTypes: true,
        }
        const files = ['consumer.mts', ...(moduleResolution === 'bundler' ? [] : ['consumer.cts'])]
        writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
        try {
          await run(directory, process.execPath, [`node_modules/typescript-${version}/bin/tsc`, '--pretty', 'false'])
          return []
        } catch ({ message }) {
          const found = message.split('\n').filter((line) => /error TS\d+/.test(line))
          return found.length > 0 ? found : [message]
        }
      }
      const all = await errors(false)
      const others = all.filter((line) => /^node_modules\/(?!@podrain\/)/.test(line))
      const ours = all.filter((line) => !others.includes(line))
      const wrong = others.length > 0 ? await errors(true) : ours
      const whose = [...new Set(others.map((line) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(line)[1]))]
      const cell = record(
        `TypeScript ${version}, ${moduleResolution}`,
        [...new Set([...ours, ...wrong])].join('\n') || undefined,
      )
      cells.push(whose.length > 0 && cell === 'yes' ? `yes, with \`skipLibCheck\`: ${whose.join(', ')}` : cell)
    }
    rows.push([version, ...cells])
  }
  table(['TypeScript', 'node16', 'nodenext', 'bundler'], rows)
}
