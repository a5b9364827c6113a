/**
 * Bundles the validators of the kinds that podrain looks at into dist/bundles/schemas.js. The packages that publish them hold
 * hundreds of kinds more, are many times as large, and want Node 22.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { bundle } from './bundle.mjs'

const require = createRequire(import.meta.url)
const { concernedKinds } = require('../dist/objects/inspection.js')
const { podKinds } = require('../dist/objects/pod.js')

/** What podrain writes beside pods, and what its tests put into a cluster: `examine` knows them too. */
const written = [
  ...['ServiceAccount', 'Role', 'RoleBinding', 'Namespace', 'ConfigMap', 'NetworkPolicy'],
  ...['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'],
  ...['MutatingAdmissionPolicy', 'MutatingAdmissionPolicyBinding'],
]
const kinds = new Set([...podKinds, ...concernedKinds, ...written, 'PodTemplateSpec'])
const packages = ['kubernetes-models', '@kubernetes-models/argo-rollouts', '@kubernetes-models/keda']

/** Large libraries, of formats that none of these kinds has: a schema that asks for one ends the build. */
const otherFormats = {
  name: 'other-formats',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(ajv-formats-draft2019|is-cidr)(\/|$)/ }, ({ path }) => ({ path, namespace: 'none' }))
    onLoad({ filter: /./, namespace: 'none' }, () => ({ contents: 'module.exports = {}' }))
    onLoad({ filter: /_schemas[\\/]\w+\.js$/ }, ({ path }) => {
      const [, format] =
        /\bformats\.(?!(?:byte|double|int32|int64|quantity)\b)(\w+)/.exec(readFileSync(path, 'utf8')) ?? []
      return format && { errors: [{ text: `The format ${format} is not in the bundle` }] }
    })
  },
}

/** The file of the validator of each kind, by `apps/v1/Deployment`. */
function validatorFiles(name) {
  const root = dirname(require.resolve(`${name}/package.json`))
  return readdirSync(root, { recursive: true }).flatMap((file) => {
    const [, version, kind] = /^(.*\/v\w+|v\d)\/(\w+)\.js$/.exec(file.replaceAll('\\', '/')) ?? []
    if (!kinds.has(kind)) return []
    const model = readFileSync(join(root, file), 'utf8')
    // KEDA also has a part of an object that is called Rollout.
    if (kind !== 'PodTemplateSpec' && !model.includes('createTypeMetaGuard')) return []
    return [[`${version}/${kind}`, join(root, dirname(file), /"([./]+_schemas\/\w+\.js)"/.exec(model)[1])]]
  })
}

const files = packages.flatMap(validatorFiles)
const imports = files.map(([, file], index) => `import { validate as v${index} } from ${JSON.stringify(file)}`)
const entries = files.map(([key], index) => `${JSON.stringify(key)}: v${index}`)

await bundle('schemas', {
  stdin: {
    contents: `${imports.join('\n')}
export { default as localize } from 'ajv-i18n/localize/en'
export const validators = { ${entries.join(', ')} }`,
    resolveDir: import.meta.dirname,
  },
  plugins: [otherFormats],
})
