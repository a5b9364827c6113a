import { readdirSync, readFileSync } from 'node:fs'
import { Converter } from 'typedoc'

const packages = new URL('../packages/', import.meta.url)

/** The source of everything that a user can import, by what the import says. */
const sources = new Map(
  readdirSync(packages).flatMap((folder) => {
    const manifest = JSON.parse(readFileSync(new URL(`${folder}/package.json`, packages), 'utf8'))
    if (manifest.private) return []
    return Object.entries(manifest.exports).flatMap(([path, { types }]) =>
      types === undefined
        ? []
        : [
            [
              manifest.name + path.slice(1),
              types.replace(/^\.\/dist\/(.*)\.d\.ts$/, `../packages/${folder}/src/$1.ts`),
            ],
          ],
    )
  }),
)

/** Calls each module as an import does, and leaves out those that export nothing. */
function nameModules(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    const names = [...sources.keys()]
    for (const [index, module] of [...project.children].entries()) {
      module.name = names[index]
      if (!module.children?.length) project.removeReflection(module)
    }
  })
}

/** @type {Partial<import('typedoc').TypeDocOptions & import('typedoc-plugin-markdown').PluginOptions>} */
export default {
  entryPoints: [...sources.values()],
  tsconfig: 'tsconfig.api.json',
  // The build of each package has checked its types.
  skipErrorChecking: true,
  plugin: ['typedoc-plugin-markdown', nameModules],
  router: 'module',
  out: 'reference/api',
  entryFileName: 'index',
  name: 'API',
  readme: 'none',
  disableSources: true,
  excludeExternals: true,
  hidePageHeader: true,
  hideBreadcrumbs: true,
  hideGroupHeadings: true,
  useHTMLAnchors: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  enumMembersFormat: 'table',
  logLevel: 'Warn',
}
