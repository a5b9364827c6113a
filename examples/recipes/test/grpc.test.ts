import { once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { describe, type TestContext, test } from 'vitest'
import { Relay } from './support/relay.js'
import { Service } from './support/service.js'

// biome-ignore lint/suspicious/noExplicitAny: the types come from a .proto file at run time
const { shop } = grpc.loadPackageDefinition(loadSync(join(import.meta.dirname, '..', 'shop.proto'))) as any
/** The header of a GOAWAY frame: 8 bytes of payload, type 7, stream 0. */
const goaway = '\0\0\x08\x07\0\0\0\0\0'
const insecure = grpc.credentials.createInsecure()

describe.concurrent('a service that is called over gRPC and HTTP, and calls another one', () => {
  /** The called service. It needs up to 200 ms for the article `long`. */
  async function prices({ onTestFinished }: TestContext): Promise<number> {
    const server = new grpc.Server()
    server.addService(shop.Prices.service, {
      get({ request }: { request: { sku: string } }, answer: grpc.sendUnaryData<object>) {
        setTimeout(answer, request.sku === 'long' ? 200 * Math.random() : 0, null, { price: 2 })
      },
    })
    onTestFinished(() => server.forceShutdown())
    return promisify(server.bindAsync.bind(server))('127.0.0.1:0', grpc.ServerCredentials.createInsecure())
  }

  async function serve(context: TestContext, env: Record<string, string> = {}) {
    const relay = await Relay.open(context, { port: await prices(context) })
    const own = { PRICES_ADDRESS: `127.0.0.1:${relay.port}`, GRPC_PORT: '0' }
    const service = await Service.start(context, 'grpc.js', { ...own, ...env })
    return { service, relay, callPort: await service.portIn(/^listening for calls .*:(\d+)$/) }
  }

  function clientOf({ onTestFinished }: TestContext, port: number) {
    const client = new shop.Offers(`127.0.0.1:${port}`, insecure, { 'grpc.use_local_subchannel_pool': 1 })
    onTestFinished(() => client.close())
    const get: (sku: string) => Promise<{ price: number }> = (sku) => promisify(client.get.bind(client))({ sku })
    return { client, get }
  }

  test('answers calls and requests that are in flight at SIGTERM, and new ones while it drains', async (context) => {
    const { expect } = context
    const { service, relay, callPort } = await serve(context)
    const { get } = clientOf(context, callPort)
    await get('bolt')
    const slow = relay.hold(/slow/)
    const call = get('slow')
    await expect.poll(slow.count).toBe(1)
    const request = service.ask('/offers/slow')
    await expect.poll(async () => (await service.status()).inFlight).toBe(1)
    service.signal('SIGTERM')
    await service.line(/draining because of SIGTERM: .*1 in flight.*tasks: \/shop.Offers\/Get/)
    const later = clientOf(context, callPort).get('bolt')
    slow.release()
    expect(await call).toEqual({ sku: 'slow', price: 2 })
    expect(await later).toEqual({ sku: 'bolt', price: 2 })
    expect(await request).toEqual({ status: 200, body: '{"sku":"slow","price":2}' })
    expect(await service.exit).toEqual([0, null])
    expect(service.lines.join('\n')).toMatch(/drained in .* after SIGTERM; nothing cut/)
    expect(await Promise.all(relay.connections.map(({ end }) => end))).toEqual(['FIN'])
  })

  test('ends a stream with UNAVAILABLE when the drain begins', async (context) => {
    const { expect } = context
    const { service, callPort } = await serve(context)
    const stream = clientOf(context, callPort).client.watch({ sku: 'bolt' })
    const end = new Promise((resolve) => stream.on('error', resolve))
    expect(await once(stream, 'data')).toEqual([{ sku: 'bolt', price: 2 }])
    service.signal('SIGTERM')
    expect(await end).toMatchObject({ code: grpc.status.UNAVAILABLE })
    expect(await service.exit).toEqual([0, null])
    expect(service.lines.join('\n')).toMatch(/nothing cut/)
  })

  test('sends GOAWAY to idle clients, also if the drain does not wait for load balancers', async (context) => {
    const { expect } = context
    const { service, callPort } = await serve(context)
    const relay = await Relay.open(context, { port: callPort })
    await clientOf(context, relay.port).get('bolt')
    service.signal('SIGINT')
    expect(await service.exit).toEqual([0, null])
    const [connection] = relay.connections
    expect(await connection?.end).toBe('FIN')
    expect(connection?.lastBack()).toContain(goaway)
  })

  test('answers the calls of clients with keepalive pings, if the clients may retry', async (context) => {
    const { expect } = context
    const { service, relay, callPort } = await serve(context)
    const retryPolicy = { maxAttempts: 5, initialBackoff: '0.1s', maxBackoff: '1s', backoffMultiplier: 2 }
    const methodConfig = { name: [{}], retryPolicy: { ...retryPolicy, retryableStatusCodes: ['UNAVAILABLE'] } }
    const client = new shop.Offers(`127.0.0.1:${callPort}`, insecure, {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.keepalive_time_ms': 2000,
      'grpc.service_config': JSON.stringify({ loadBalancingConfig: [], methodConfig: [methodConfig] }),
    })
    context.onTestFinished(() => client.close())
    const slow = relay.hold(/slow/)
    const call = promisify(client.get.bind(client))({ sku: 'slow' })
    await expect.poll(slow.count).toBe(1)
    service.signal('SIGTERM')
    // grpc-js drops its connection at the first ping after GOAWAY, and repeats the call on a new connection.
    await expect.poll(slow.count).toBeGreaterThan(1)
    slow.release()
    expect(await call).toEqual({ sku: 'slow', price: 2 })
    expect(await service.exit).toEqual([0, null])
    expect(service.lines.join('\n')).toMatch(/nothing cut/)
  })

  test('moves clients that always have calls in flight to another pod, and loses no call', async (context) => {
    const { expect } = context
    const leaving = await serve(context, { TERMINATION_GRACE_PERIOD_SECONDS: '15' })
    const staying = await serve(context)
    const balancer = await Relay.open(context, { port: leaving.callPort })
    const { get } = clientOf(context, balancer.port)
    const failures: unknown[] = []
    let calls = 0
    let over = false
    context.onTestFinished(() => {
      over = true
    })
    async function callOn(): Promise<void> {
      while (!over) {
        await get('long').then(
          () => calls++,
          (error) => failures.push(error),
        )
      }
    }
    const load = Array.from({ length: 20 }, callOn)
    await expect.poll(() => calls).toBeGreaterThan(20)
    leaving.service.signal('SIGTERM')
    await leaving.service.line(/draining because of SIGTERM/)
    // As with kube-proxy, new connections go to the other pod, and open connections stay.
    balancer.target = { port: staying.callPort }
    expect(await leaving.service.exit).toEqual([0, null])
    const before = calls
    await expect.poll(() => calls).toBeGreaterThan(before + 20)
    over = true
    await Promise.all(load)
    expect(failures).toEqual([])
    expect(leaving.service.lines.join('\n')).toMatch(/nothing cut/)
  })
})
