import { expect, test } from 'vitest'
import { namedLogger } from '../src/shared/log.js'
import { Budget } from '../src/termination/budget.js'
import { SettleWait } from '../src/termination/settle.js'
import { Tasks } from '../src/termination/tasks.js'
import { FakeClock } from './support.js'

/** What a drain says it waits for, where its connections are made up. */
function waits(survey: { busy: number; heldUntil: number; held: number }): string[] {
  const clock = new FakeClock()
  const nothing = (): void => {}
  const wait = new SettleWait({
    clock,
    clients: {
      lastArrival: 0,
      lastRequest: undefined,
      inFlight: 0,
      survey: (now) => ({ ...survey, heldUntil: now + survey.heldUntil }),
    },
    tasks: new Tasks(clock, namedLogger(false), 1000, nothing),
    times: { min: 0, quiet: 0, max: 0 },
    progress: false,
    endpoints: () => undefined,
    onOver: nothing,
    onLastCall: nothing,
    onChecked: nothing,
    onExpired: nothing,
    onProgress: nothing,
    onFailure: nothing,
  })
  return wait.waits(new Budget(clock, 29_000, 5000), true, true)
}

test.each([
  ['one idle connection', 1, 500, ['1 idle connection, kept for 0.5 s more as promised']],
  ['several', 2, 500, ['2 idle connections, kept for 0.5 s more as promised']],
  ['TLS handshakes', 0, 500, ['TLS handshakes, for 0.5 s more']],
  ['nothing more', 1, 0, []],
  ['nobody knows how long', 0, Number.POSITIVE_INFINITY, []],
])('a drain says what it waits for: %s', (_what, held, heldUntil, said) => {
  expect(waits({ busy: 0, held, heldUntil })).toEqual(said)
})
