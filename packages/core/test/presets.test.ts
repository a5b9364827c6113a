import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createServer2 } from 'node:http2'
import type { Server } from 'node:net'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type DrainOptions, drainServer, presets } from '../src/index.js'
import { Log, runsIn } from './support.js'

beforeEach(() => {
  runsIn('a cluster')
  vi.stubEnv('NODE_ENV', 'production')
})
afterEach(() => void vi.unstubAllEnvs())

/** A server that listens, with its drain's log. */
async function listening(options: DrainOptions, server: Server = createServer()): Promise<Log> {
  const log = new Log()
  const drain = drainServer(server, { ...options, signals: false, logger: log })
  onTestFinished(() => drain.dispose())
  server.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return log
}

/** A server that keeps idle connections for a number of milliseconds. */
function keeping(keepAliveTimeout: number): Server {
  return createServer({ keepAliveTimeout })
}

describe('when a server begins to listen, the log shows the shares of the grace period', () => {
  // The same line is printed once for each process, so no other test may have this grace period.
  test('for kube-proxy by default', async () => {
    const log = await listening({ terminationGracePeriodSeconds: 29 })
    expect(log.lines).toEqual([
      'info podrain: of 29.0 s grace period, 23.0 s for requests (at least 5.0 s until kube-proxy has stopped sending), ' +
        '5.0 s for closing, 1.0 s in reserve',
    ])
  })

  test('behind a slow load balancer', async () => {
    const log = await listening({ behind: 'aws-alb', terminationGracePeriodSeconds: 60 }, keeping(65_000))
    expect(log.lines).toEqual([
      expect.stringContaining('54.0 s for requests (at least 30.0 s until aws-alb has stopped sending)'),
    ])
  })

  test('once, for any number of servers', async () => {
    const log = new Log()
    const [one, two] = [createServer(), createServer()]
    const drain = drainServer(one, { signals: false, logger: log, terminationGracePeriodSeconds: 31 }).watch(two)
    onTestFinished(() => drain.dispose())
    for (const server of [one, two]) {
      server.listen(0, '127.0.0.1')
      onTestFinished(() => void server.close())
      await once(server, 'listening')
    }
    expect(log.matching(/grace period/)).toHaveLength(1)
  })

  test('once, for any number of applications with the same times', async () => {
    const logs = await Promise.all([32, 32, 33].map((seconds) => listening({ terminationGracePeriodSeconds: seconds })))
    expect(logs.map((log) => log.matching(/grace period/).length)).toEqual([1, 0, 1])
  })

  test('never with NODE_ENV=test', async () => {
    vi.stubEnv('NODE_ENV', 'test')
    expect((await listening({ terminationGracePeriodSeconds: 34 })).lines).toEqual([])
  })
})

describe('behind', () => {
  test.each([
    ['none', 0],
    ['kube-proxy', 5000],
    ['ingress-nginx', 15_000],
    ['nginx-gateway-fabric', 15_000],
    ['haproxy', 10_000],
    ['traefik', 5000],
    ['envoy', 5000],
    ['envoy-gateway', 5000],
    ['cilium', 5000],
    ['gke-neg', 40_000],
    ['aws-alb', 30_000],
    ['aws-nlb', 120_000],
  ] as const)('%s waits at least %d ms', async (behind, min) => {
    const log = await listening({ behind, terminationGracePeriodSeconds: 300 }, keeping(4_000_000))
    expect(log.lines).toEqual([
      expect.stringContaining(`at least ${(min / 1000).toFixed(1)} s until ${behind} has stopped`),
    ])
  })

  test('settle.min takes precedence', async () => {
    const log = await listening({ behind: 'aws-nlb', settle: { min: 3000 } }, keeping(400_000))
    expect(log.lines).toEqual([expect.stringContaining('at least 3.0 s until aws-nlb')])
  })

  test('a preset that does not fit into the grace period is refused, with the arithmetic', () => {
    expect(() => drainServer(createServer(), { behind: 'aws-alb', signals: false })).toThrow(
      "`settle.min` 30000 (for `behind: 'aws-alb'`) + `closing` 5000 + `reserve` 1000 = 36000 ms, " +
        'but `terminationGracePeriodSeconds` 30 gives 30000 ms: lower `settle.min` to at most 24000, or raise ' +
        "`terminationGracePeriodSeconds` (here and in the pod's spec) to at least 36",
    )
  })

  test.each([['nginx'], ['toString'], [null], [1]])('%s is refused, with the list', (behind) => {
    expect(() => drainServer(createServer(), { behind: behind as never, signals: false })).toThrow(
      `Expected \`behind\` to be one of ${Object.keys(presets).join(', ')}`,
    )
  })
})

describe('a server that closes idle connections before the load balancer does', () => {
  const alb = { behind: 'aws-alb', terminationGracePeriodSeconds: 60 } as const

  test('is warned of, with the number to set', async () => {
    const log = await listening(alb, keeping(5000))
    expect(log.matching(/^warn/)).toEqual([
      'warn podrain: `keepAliveTimeout` of the server is 5.0 s, but aws-alb keeps idle connections for 60.0 s and will ' +
        'send on one that is just being closed: set it to 65000 (milliseconds) or more',
    ])
  })

  test('is warned of, too, if both close them at the same time', async () => {
    expect((await listening(alb, keeping(60_000))).matching(/^warn/)).toHaveLength(1)
  })

  test.each([
    ['keeps them longer', keeping(65_000)],
    ['keeps them for ever', keeping(0)],
    ['speaks HTTP/2', createServer2()],
  ])('but not if it %s', async (_what, server) => {
    expect((await listening(alb, server)).matching(/^warn/)).toEqual([])
  })

  test.each(['kube-proxy', 'haproxy'] as const)(
    'nor behind %s, which keeps no idle connection for a fixed time',
    async (behind) => {
      expect((await listening({ behind }, keeping(5000))).matching(/^warn/)).toEqual([])
    },
  )

  test.each([
    ['traefik', 95_000],
    ['cilium', 65_000],
    ['nginx-gateway-fabric', 65_000],
    ['envoy-gateway', 3_605_000],
  ] as const)('behind %s it has to keep them for %d ms', async (behind, least) => {
    const log = await listening({ behind }, keeping(5000))
    expect(log.matching(/^warn/)).toEqual([expect.stringContaining(`set it to ${least} (milliseconds) or more`)])
  })
})
