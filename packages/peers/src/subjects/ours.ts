import type { Server } from 'node:net'
import { type Application, ownApplication } from '@podrain/contract'
import type { AdapterOptions, Drain } from '@podrain/core'
import type { OurNeed } from '../behaviours/behaviour.js'
import type { Mount, OurRunning } from './subject.js'

/** The needs that all our drains meet. */
export const abilities: readonly OurNeed[] = [
  ...ownApplication,
  'inFlight',
  'signal',
  'ready',
  'live',
  'hook',
  'endpoints',
  'watch',
  'beforehand',
  'websocket',
]

/** Mounts behind a middleware that would answer the kubelet itself. There the drain's middleware gets the server with `watch()`. */
export const answersItself: readonly Mount[] = ['behind authentication', 'behind a redirect']

/** The times of the contract as options of podrain. */
export function optionsOf({ terms }: Application): AdapterOptions {
  return {
    terminationGracePeriodSeconds: terms.grace / 1000,
    reserve: 100,
    closing: 1000,
    settle: { min: terms.settle, quiet: terms.settle },
    keepAliveCap: terms.keepAlive,
    signals: false,
    logger: false,
  }
}

export function running(server: Server, drain: Drain, more: Partial<OurRunning> = {}): OurRunning {
  return {
    server,
    drain,
    terminate: async () => ((await drain.start()).clean ? 0 : 1),
    inFlight: () => drain.inFlight,
    signal: () => drain.signal,
    dispose: () => drain.dispose(),
    ...more,
  }
}
