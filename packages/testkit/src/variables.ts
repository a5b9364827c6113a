import { afterEach, describe, expect, test, vi } from 'vitest'
import { send } from './client.js'
import type { Serve } from './serve.js'

/** Tests of options that come from environment variables, as a ConfigMap sets them for many services. */
export function describeVariables(serve: Serve<never>): void {
  describe('defaults in the environment', () => {
    afterEach(() => void vi.unstubAllEnvs())

    test('are used by an application without options', async () => {
      vi.stubEnv('PODRAIN_TERMINATION_GRACE_PERIOD_SECONDS', '40')
      vi.stubEnv('PODRAIN_BEHIND', 'haproxy')
      vi.stubEnv('PODRAIN_ENDPOINTS_READYZ', '/up')
      vi.stubEnv('PODRAIN_SIGNALS', 'false')
      vi.stubEnv('PODRAIN_LOGGER', 'false')
      const { url, drain } = await serve({})
      expect(drain.times).toMatchObject({ gracePeriod: 40_000, settle: { min: 10_000 } })
      expect(await send(`${url}/up`)).toMatchObject({ status: 200 })
      expect(await send(`${url}/readyz`)).toMatchObject({ status: 404 })
    })

    test('count less than options in code', async () => {
      vi.stubEnv('PODRAIN_SETTLE_MIN', '321')
      vi.stubEnv('PODRAIN_SETTLE_QUIET', '12')
      vi.stubEnv('PODRAIN_ENDPOINTS_READYZ', '/up')
      const { url, drain } = await serve({
        ...{ signals: false, logger: false, settle: { min: 200 }, endpoints: { readyz: '/ready' } },
      })
      expect(drain.times.settle).toMatchObject({ min: 200, quiet: 12 })
      expect(await send(`${url}/ready`)).toMatchObject({ status: 200 })
      expect(await send(`${url}/up`)).toMatchObject({ status: 404 })
    })

    test('that are wrong keep the application from starting', async () => {
      vi.stubEnv('PODRAIN_BEHIND', 'nginx')
      await expect((async () => serve({ signals: false }))()).rejects.toThrow(
        'Expected PODRAIN_BEHIND to be one of none',
      )
    })
  })
}
