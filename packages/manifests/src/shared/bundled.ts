import { join } from 'node:path'

/** What the build has made one file of, from the packages that `bundles/` names. */
export function bundled<Module>(name: string): Module {
  return require(join(__dirname, '..', '..', 'dist', 'bundles', `${name}.js`)) as Module
}
