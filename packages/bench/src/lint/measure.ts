import { join } from 'node:path'
import { Child } from '../child.js'
import type { Shape } from './manifests.js'
import type { Measured } from './run.js'

/** One run of lint over all files. */
export interface Run extends Measured {
  readonly shape: Shape
  readonly apps: number
}

export async function lintOf(shape: Shape, apps: number): Promise<Run> {
  const child = new Child(join(__dirname, 'run.js'), [shape, String(apps)])
  const measured = await child.receive<Measured>()
  await child.end()
  return { shape, apps, ...measured }
}
