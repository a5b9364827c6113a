import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { NodeSDK } from '@opentelemetry/sdk-node'

// The SDK exports to OTEL_EXPORTER_OTLP_ENDPOINT. These lines may be in their own file that is loaded with `node --import`.
const sdk = new NodeSDK({ instrumentations: [new HttpInstrumentation()] })
sdk.start()

// Imported after the start of the SDK, because modules that are loaded before are not traced.
const { default: express } = await import('express')
const { drain } = await import('@podrain/express')

const podrain = drain()
// Registered first, so that it runs last and also exports the spans of other hooks.
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
