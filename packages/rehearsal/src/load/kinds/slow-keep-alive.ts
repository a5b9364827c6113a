import { perSecond, type Range } from '../client.js'
import { HttpClient } from '../http-client.js'
import type { Kind } from '../kind.js'
import { keepAlive } from './keep-alive.js'

/** Pause between two requests, in ms: long enough that servers close the connection in between. */
const pause: Range = [1000, 8000]

export const slowKeepAlive: Kind<'get'> = {
  ...keepAlive,
  count: 4,
  perSecond: perSecond(pause),
  paced: false,
  create: (spec) => new HttpClient(spec, { keeps: true, pause }),
}
