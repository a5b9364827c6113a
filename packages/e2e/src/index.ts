export { type Manifest, problems } from './schema.js'
