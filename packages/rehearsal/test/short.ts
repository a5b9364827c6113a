import { join } from 'node:path'
import type { RehearsalOptions } from '../src/index.js'

/** An app, or a script, of these tests. */
export const fixture = (name: string): string => join(__dirname, 'fixtures', name)

/** A rehearsal as short as it can be: two pods, quick probes, little load before and after, endpoints that are hardly late. */
export function short(more: Partial<RehearsalOptions>): RehearsalOptions {
  return {
    command: process.execPath,
    args: [fixture('server.mjs')],
    replicas: 2,
    readinessProbe: { periodSeconds: 0.1, timeoutSeconds: 5 },
    endpointLag: { min: 10, median: 20, max: 30 },
    requests: { get: '/work' },
    startDelay: 0,
    warmUp: 200,
    coolDown: 100,
    ...more,
  }
}
