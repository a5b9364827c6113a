import { HttpClient, usualPause } from '../http-client.js'
import type { Kind } from '../kind.js'

/** Bytes per ms, as over a good mobile connection. */
const readRate = 5000

export const slowReader: Kind<'download'> = {
  path: 'download',
  help: 'GET of some megabytes, by slow readers',
  count: 2,
  method: 'GET',
  perSecond: 1,
  protocol: 'HTTP/1.1',
  paced: false,
  timed: false,
  create: (spec) => new HttpClient(spec, { keeps: true, pause: usualPause, readRate }),
}
