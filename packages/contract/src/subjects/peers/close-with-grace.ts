import closeWithGrace from 'close-with-grace'
import { type DrainingFastify, limit, onFastify, type Peer } from './peer.js'

const drainsFastify: DrainingFastify = (app, terms) => {
  closeWithGrace({ delay: limit(terms) }, async () => {
    await app.close()
  })
}

export const closeWithGracePeer: Peer = {
  name: 'close-with-grace',
  packages: ['close-with-grace', 'fastify'],
  wired:
    '`closeWithGrace({ delay }, async () => { await app.close() })`, the delay being the grace period. Neither it nor ' +
    'Fastify offers a wait for load balancers.',
  drainsFastify,
  subjects: onFastify('close-with-grace', drainsFastify),
}
