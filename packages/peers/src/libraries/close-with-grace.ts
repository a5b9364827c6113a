import { type DrainingFastify, type Library, limit } from './library.js'

const drainsFastify: DrainingFastify = async (app, terms) => {
  const { default: closeWithGrace } = await import('close-with-grace')
  closeWithGrace({ delay: limit(terms) }, async () => {
    await app.close()
  })
}

export const closeWithGrace: Library = {
  name: 'close-with-grace',
  packages: ['close-with-grace', 'fastify'],
  wired:
    '`closeWithGrace({ delay }, async () => { await app.close() })`, the delay being the grace period. Neither it nor ' +
    'Fastify offers a wait for load balancers.',
  drainsFastify,
}
