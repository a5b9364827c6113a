import { once } from 'node:events'
import { open as openFile, readFile } from 'node:fs/promises'
import { Agent, createServer as createHttpServer, get } from 'node:http'
import { createServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { follow } from '../src/process/begun.js'
import { gate, listen, turns } from './support.js'

/**
 * Waits by a timer that exists before the function is called. A timer of the test that begins in a turn of the function would
 * count as work of the function.
 */
function waiting(): (isSo: () => boolean) => Promise<void> {
  const open = new Map<() => boolean, () => void>()
  const timer = setInterval(() => {
    for (const [isSo, resolve] of open) if (isSo() && open.delete(isSo)) resolve()
  }, 2)
  onTestFinished(() => clearInterval(timer))
  return (isSo) => new Promise((resolve) => open.set(isSo, resolve))
}

/** Whether the promise has resolved. */
function resolution(opened: Promise<unknown>): () => boolean {
  let isDone = false
  void opened.then(() => {
    isDone = true
  })
  return () => isDone
}

describe('the work that a function has begun', () => {
  test.each([
    ['a timer', (done: () => void) => void setTimeout(done, 5)],
    ['a timer behind a promise', (done: () => void) => void Promise.resolve().then(() => setTimeout(done, 5))],
    ['one timer after another', (done: () => void) => void setTimeout(() => setTimeout(done, 5), 5)],
    ['a file', (done: () => void) => void readFile(__filename).then(done)],
  ])('is active until it has ended: %s', async (_what, act) => {
    const until = waiting()
    const { opened, open } = gate()
    const isDone = resolution(opened)
    const begun = await follow(() => act(open))
    onTestFinished(() => begun.release())
    expect(begun.active).toBe(true)
    await until(() => isDone() && !begun.active)
  })

  test('is not active if the function only computes', async () => {
    const begun = await follow(() => 1 + 1)
    onTestFinished(() => begun.release())
    expect(begun).toMatchObject({ result: 2, active: false })
    await turns()
    expect(begun.active).toBe(false)
  })

  test('does not include open files and idle keep-alive connections', async () => {
    const server = createHttpServer((_request, response) => void response.end('ok'))
    const port = await listen(server)
    const agent = new Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    const begun = await follow(async () => {
      const [response] = await once(get({ port, host: '127.0.0.1', agent }), 'response')
      await once(response.resume(), 'close')
      return openFile(__filename)
    })
    onTestFinished(() => begun.release())
    const file = await begun.result
    onTestFinished(() => file.close())
    await turns(5)
    expect(Object.values(agent.freeSockets)).toHaveLength(1)
    expect(begun.active).toBe(false)
  })

  test('does not include work that is already over', async () => {
    const begun = await follow(() => {
      process.nextTick(() => {})
      queueMicrotask(() => {})
      void Promise.resolve().then(() => {})
    })
    onTestFinished(() => begun.release())
    expect(begun.active).toBe(false)
  })

  test('does not include work that other code has begun, before or during the call', async () => {
    const before = createServer().listen(0)
    await once(before, 'listening')
    const begun = await follow(() => {})
    const meanwhile = createServer().listen(0)
    onTestFinished(() => {
      begun.release()
      before.close()
      meanwhile.close()
    })
    await turns()
    expect(begun.active).toBe(false)
  })

  test('is not followed if the function throws, and the error is passed on', async () => {
    const begun = follow(() => {
      throw new Error('no pool')
    })
    await expect(begun).rejects.toThrow('no pool')
  })

  test.each([
    ['a promise', (settle: (value?: unknown) => void) => settle()],
    ['a promise, later', (settle: (value?: unknown) => void) => void setTimeout(settle, 5)],
  ])('includes work that waited for it: for %s', async (_what, act) => {
    const until = waiting()
    const { opened, open } = gate()
    const isDone = resolution(opened)
    const asked = gate()
    const work = (async () => {
      await asked.opened
      await turns()
      await readFile(__filename)
    })()
    // Code that waits for that work goes on as well, when the work has ended.
    void work.then(() => setTimeout(open, 5))
    const begun = await follow(() => act(asked.open))
    onTestFinished(() => begun.release())
    expect(begun.active).toBe(true)
    await until(() => isDone() && !begun.active)
  })

  test('does not include handles that do not keep a process alive', async () => {
    const begun = await follow(() => setTimeout(() => {}, 60_000).unref())
    onTestFinished(() => begun.release())
    expect(begun.active).toBe(false)
    begun.result.ref()
    expect(begun.active).toBe(true)
    clearTimeout(begun.result)
  })
})
