import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { NodeSDK } from '@opentelemetry/sdk-node'

// It exports to OTEL_EXPORTER_OTLP_ENDPOINT. This may be a file of its own, loaded by `node --import`, that exports `sdk`.
const sdk = new NodeSDK({ instrumentations: [new HttpInstrumentation()] })
sdk.start()

// What is loaded before that is not traced.
const { default: express } = await import('express')
const { drain } = await import('@podrain/express')

const podrain = drain()
// Registered first and so closed last: what other hooks do is exported, too.
podrain.drain.onClose(() => sdk.shutdown(), { name: 'telemetry' })

const prices = process.env.UPSTREAM_URL ?? 'http://prices'
const app = express()
app.use(podrain)
app.get('/prices/:sku', async (request, response) => {
  const answer = await fetch(`${prices}/${request.params.sku}`)
  response.json(await answer.json())
})

const server = app.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
  console.log('listening', server.address())
})
podrain.watch(server)
