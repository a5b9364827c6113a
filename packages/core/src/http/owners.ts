import type { Server } from 'node:net'
import { ofProcess } from '../shared/of-process.js'

/** Who watches a server. */
export interface Owner {
  /** Releases the server for another owner. Returns false, and does nothing, if the owner does not give way. */
  giveUp(server: Server): boolean
}

/**
 * The owner of each server that is watched. One server must have only one, or its requests would be counted twice, even
 * if the two come from two copies of the package.
 */
export const owners: WeakMap<Server, Owner> = ofProcess('owners', () => new WeakMap())

/** Whether a drain watches the server, of this or of another copy of the package. */
export function isWatched(server: Server): boolean {
  return owners.has(server)
}
