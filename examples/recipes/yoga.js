import { addAbortListener } from 'node:events'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { drainServer } from '@podrain/core'
import { createSchema, createYoga } from 'graphql-yoga'

const prices = process.env.UPSTREAM_URL ?? 'http://prices'
/** @param {string} sku */
async function price(sku) {
  const answer = await fetch(`${prices}/${sku}`)
  return (await answer.json()).price
}

// Without `disposeOnProcessTerminate`, because the hook below disposes of Yoga after the last request.
const yoga = createYoga({
  schema: createSchema({
    typeDefs: 'type Query { price(sku: String!): Int! } type Subscription { prices(sku: String!): Int! }',
    resolvers: {
      Query: { price: (_parent, { sku }) => price(sku) },
      Subscription: {
        prices: {
          async *subscribe(_parent, { sku }) {
            for (;;) {
              yield { prices: await price(sku) }
              await sleep(50)
            }
          },
        },
      },
    },
  }),
})

const server = http.createServer((request, response) => {
  if (request.headers.accept?.includes('text/event-stream')) {
    if (drain.signal.aborted) return response.writeHead(503, { 'retry-after': '1' }).end()
    // Ends the response here and not in the resolver. After the end of a resolver the client gets "complete" and does not reconnect.
    const listener = addAbortListener(drain.signal, () => response.end())
    response.on('close', () => listener[Symbol.dispose]())
  }
  return yoga(request, response)
})
const drain = drainServer(server)
drain.onClose(() => yoga.dispose(), { name: 'yoga' })

server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
  console.log('listening', server.address())
})
