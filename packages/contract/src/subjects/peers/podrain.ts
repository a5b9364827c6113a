import type { Subject } from '../../subject.js'
import { fastifySubjects } from '../fastify.js'
import { nodeSubjects } from '../node.js'
import { all, common, type Peer } from './peer.js'

/** Asked nothing that the others are not asked: what it alone has is left to its own tests. */
export const podrain: Peer = {
  name: 'podrain',
  packages: ['@podrain/core', '@podrain/fastify', 'fastify'],
  wired: '`drainServer(server, options)`, and `app.register(gracefulShutdown, options)` with Fastify.',
  subjects: [
    ...nodeSubjects.filter(({ name }) => all.includes(name)).map(asPeer),
    ...fastifySubjects.filter(({ name }) => /\((http|http2, allowHTTP1)\)/.test(name)).map(asPeer),
  ],
}

function asPeer({ name, has, start }: Subject): Subject {
  return { name: `podrain on ${name}`, has: has.filter((ability) => common.includes(ability)), start }
}
