import { ApolloServer } from '@apollo/server'
import { expressMiddleware } from '@as-integrations/express5'
import { drain } from '@podrain/express'
import express from 'express'

const prices = process.env.UPSTREAM_URL ?? 'http://prices'
const podrain = drain()
const app = express()
app.use(podrain)

/** A placeholder for a plugin that reports usage. @type {import('@apollo/server').ApolloServerPlugin} */
const reporting = {
  async serverWillStart() {
    return {
      async serverWillStop() {
        console.log('reports are sent')
      },
    }
  },
}

const apollo = new ApolloServer({
  typeDefs: '#graphql\n type Query { price(sku: String!): Int! }',
  resolvers: {
    Query: {
      async price(_parent, { sku }) {
        const answer = await fetch(`${prices}/${sku}`)
        return (await answer.json()).price
      },
    },
  },
  // Without ApolloServerPluginDrainHttpServer. The drain closes the server, after load balancers have stopped sending.
  plugins: [reporting],
  // The hook below stops Apollo. A failure of that hook is in the report.
  stopOnTerminationSignals: false,
})
await apollo.start()
podrain.drain.onClose(() => apollo.stop(), { name: 'apollo' })

app.use('/graphql', express.json(), expressMiddleware(apollo))

const server = app.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
  console.log('listening', server.address())
})
podrain.watch(server)
