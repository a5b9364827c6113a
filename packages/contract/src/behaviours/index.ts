import type { Room } from '../behaviour.js'
import { control } from './control.js'
import { counting } from './counting.js'
import { delivery } from './delivery.js'
import { http2 } from './http2.js'
import { idle } from './idle.js'
import { serving } from './serving.js'
import { pipelining, shedding } from './shedding.js'
import { unfinished } from './unfinished.js'
import { upgrades } from './upgrades.js'

/** All behaviours of the contract, by room. */
export const rooms: readonly Room[] = [
  serving,
  unfinished,
  idle,
  delivery,
  shedding,
  pipelining,
  counting,
  upgrades,
  http2,
  control,
]
