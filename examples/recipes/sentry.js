import * as Sentry from '@sentry/node'

Sentry.init({ dsn: process.env.SENTRY_DSN, tracesSampleRate: 0 })

// Imported after Sentry.init(), because modules that are loaded before are not instrumented.
const { default: express } = await import('express')
const { drain } = await import('@podrain/express')

const podrain = drain()
// Registered first, so that it runs last and also sends the errors of other hooks.
podrain.drain.onClose(() => Sentry.close(2000), { name: 'sentry', timeout: 3000 })

const prices = process.env.UPSTREAM_URL ?? 'http://prices'
const app = express()
app.use(podrain)

app.get('/prices/:sku', async (request, response) => {
  const answer = await fetch(`${prices}/${request.params.sku}`)
  const { price } = await answer.json()
  if (request.query.currency) throw new Error(`no rate for ${request.query.currency}`)
  response.json({ price })
})
Sentry.setupExpressErrorHandler(app)

const server = app.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
  console.log('listening', server.address())
})
podrain.watch(server)
