/** Bundles the parser of shell scripts: it is an ES module, which Yarn's Plug'n'Play does not find from CommonJS. */
import { bundle } from './bundle.mjs'

await bundle('unbash', { entryPoints: ['unbash'] })
