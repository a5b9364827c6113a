import type { Server } from 'node:net'
import { ofProcess } from '../shared/of-process.js'

/** The drain that watches a server. */
export interface Owner {
  /** Releases the server for another owner. Returns false, and does nothing, if the owner keeps the server. */
  giveUp(server: Server): boolean
}

/**
 * The owner of each server that is watched. A server must have only one owner, also among several copies of the package.
 * Otherwise its requests would be counted twice.
 */
export const owners: WeakMap<Server, Owner> = ofProcess('owners', () => new WeakMap())

/** Whether a drain watches the server, of this or of another copy of the package. */
export function isWatched(server: Server): boolean {
  return owners.has(server)
}
