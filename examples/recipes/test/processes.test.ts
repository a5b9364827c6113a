import { test } from 'vitest'
import { Service, shortWaits } from './support/service.js'

test.concurrent.for([
  { who: 'the workers of a cluster', file: 'cluster.js', body: /^worker [12]$/, servers: 2 },
  { who: 'a thread', file: 'threads.js', body: /^from a thread$/, servers: 1 },
])('SIGTERM to the process drains $who, and requests are answered meanwhile', async (row, context) => {
  const { expect } = context
  const service = await Service.start(context, row.file, { ...shortWaits, CONTROL_PORT: '0' })
  await service.line(/^listening/, row.servers)
  service.signal('SIGTERM')
  await service.line(/draining because of SIGTERM/)
  const { status, body } = await service.ask('/')
  expect({ status, body }).toEqual({ status: 200, body: expect.stringMatching(row.body) })
  expect(await service.exit).toEqual([0, null])
  expect(service.lines.filter((line) => /drained in .* after SIGTERM; nothing cut/.test(line))).toHaveLength(
    row.servers + 1,
  )
})
