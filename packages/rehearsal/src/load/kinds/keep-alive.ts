import { perSecond } from '../client.js'
import { HttpClient, usualPause } from '../http-client.js'
import type { Kind } from '../kind.js'

export const keepAlive: Kind<'get'> = {
  path: 'get',
  help: 'GET by kept, new and rarely used connections',
  count: 8,
  method: 'GET',
  perSecond: perSecond(usualPause),
  protocol: 'HTTP/1.1',
  paced: true,
  timed: true,
  create: (spec) => new HttpClient(spec, { keeps: true, pause: usualPause }),
}
