import { uploadTime } from '../exchange.js'
import { HttpClient, usualPause } from '../http-client.js'
import type { Kind } from '../kind.js'

export const post: Kind<'post'> = {
  path: 'post',
  help: 'POST of 16 KiB of text, in chunks',
  count: 2,
  method: 'POST',
  perSecond: 1000 / uploadTime,
  protocol: 'HTTP/1.1',
  paced: false,
  timed: false,
  create: (spec) => new HttpClient(spec, { keeps: true, pause: usualPause, upload: true }),
}
