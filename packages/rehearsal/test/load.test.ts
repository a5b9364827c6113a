import { expect, test } from 'vitest'
import { plain } from '../src/load/ask.js'
import { eachKind } from '../src/load/kinds.js'
import { Load, type LoadListener, type LoadPlan } from '../src/load/load.js'
import { createClock, machineTime } from '../src/shared/clock.js'

test('threads of clients get only what they need of a plan', async () => {
  const startedAt = machineTime()
  const plan: LoadPlan & { readonly secret: unknown } = {
    clients: eachKind((kind) => (kind === 'keepAlive' ? 1 : 0)),
    asks: eachKind(() => [plain('/')]),
    rate: null,
    openLoop: false,
    timeouts: { connect: 1000, total: 1000 },
    seed: 1,
    maxRequests: 10,
    startedAt,
    // Not even a copy of it could be made.
    secret: () => 'hush',
  }
  const listener: LoadListener = {
    onLost() {},
    onSample() {},
    onExhausted() {},
    onError: (error) => expect.fail(error.message),
  }
  await new Load(plan, createClock(startedAt), listener).close()
})
