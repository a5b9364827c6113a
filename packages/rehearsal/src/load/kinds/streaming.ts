import { HttpClient, usualPause } from '../http-client.js'
import type { Kind } from '../kind.js'

export const streaming: Kind<'stream'> = {
  path: 'stream',
  help: 'GET of a response that takes its time',
  count: 2,
  method: 'GET',
  perSecond: 1,
  protocol: 'HTTP/1.1',
  paced: false,
  timed: false,
  create: (spec) => new HttpClient(spec, { keeps: true, pause: usualPause }),
}
