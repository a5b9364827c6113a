// Apollo Server as in its documentation. Only the first line is podrain. It has the same effect as `node --import @podrain/auto`.
import '@podrain/auto'
import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'

const server = new ApolloServer({
  typeDefs: '#graphql\n type Query { price(sku: String!): Int! }',
  resolvers: {
    Query: {
      async price(/** @type {unknown} */ _parent, /** @type {{ sku: string }} */ { sku }) {
        const answer = await fetch(`${process.env.UPSTREAM_URL}/${sku}`)
        return (await answer.json()).price
      },
    },
  },
  plugins: [
    {
      async serverWillStart() {
        return {
          async serverWillStop() {
            console.log('reports are sent')
          },
        }
      },
    },
  ],
})
const { url } = await startStandaloneServer(server, { listen: { host: '127.0.0.1', port: 0 } })
console.log('listening', { port: Number(new URL(url).port) })
