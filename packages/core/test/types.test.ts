import { expectTypeOf, test } from 'vitest'
import type { AdapterOptions } from '../src/index.js'

test('options are known by name and type', () => {
  const mistakes: AdapterOptions[] = [
    // @ts-expect-error unknown option
    { gracePeriod: 30 },
    // @ts-expect-error a number of seconds
    { terminationGracePeriodSeconds: '30' },
    // @ts-expect-error no process can catch SIGKILL
    { signals: ['SIGKILL'] },
    // @ts-expect-error only `false` turns signals off
    { signals: true },
    // @ts-expect-error unknown endpoint
    { endpoints: { ready: '/ready' } },
    // @ts-expect-error unknown option of `settle`
    { settle: { most: 1 } },
  ]
  expectTypeOf(mistakes).toBeArray()
})
