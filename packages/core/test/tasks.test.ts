import { expect, test, vi } from 'vitest'
import { namedLogger } from '../src/shared/log.js'
import { Tasks } from '../src/termination/tasks.js'
import { FakeClock, gate, turns } from './support.js'

test('a drain checks again when its last task has finished, or is no longer waited for', async () => {
  const [clock, onIdle] = [new FakeClock(), vi.fn()]
  const tasks = new Tasks(clock, namedLogger(false), 1000, onIdle)
  const [mail, report] = [gate(), gate()]
  tasks.add(mail.opened, {})
  tasks.add(report.opened, {})
  tasks.add(new Promise(() => {}), { timeout: 500 })
  mail.open()
  await turns(2)
  clock.advance(500)
  expect(tasks.size).toBe(1)
  expect(onIdle).not.toHaveBeenCalled()
  report.open()
  await turns(2)
  expect(tasks.size).toBe(0)
  expect(onIdle).toHaveBeenCalledOnce()
})
