import { HttpClient, usualPause } from '../http-client.js'
import type { Kind } from '../kind.js'
import { keepAlive } from './keep-alive.js'

export const newConnection: Kind<'get'> = {
  ...keepAlive,
  count: 4,
  create: (spec) => new HttpClient(spec, { keeps: false, pause: usualPause }),
}
