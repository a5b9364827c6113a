import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { short } from './short.js'

const script = `require('@podrain/rehearsal').rehearse(JSON.parse(process.argv[1])).then(({ summary }) => console.log(summary.exits))`

test('twelve pods that start and end at once give no warning, such as MaxListenersExceededWarning', async () => {
  const twelve = short({
    ...{ replicas: 12, maxSurge: 12, startDelay: 500, preStop: { exec: { command: ['sleep', '0.2'] } } },
    readinessProbe: { periodSeconds: 0.5, timeoutSeconds: 5 },
    clients: { keepAlive: 12, newConnection: 0, slowKeepAlive: 0 },
  })
  const run = await promisify(execFile)(process.execPath, ['-e', script, JSON.stringify(twelve)], { cwd: __dirname })
  expect(run).toEqual({ stdout: "{ 'exit 0': 12 }\n", stderr: '' })
})
