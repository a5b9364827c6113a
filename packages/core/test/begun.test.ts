import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { follow } from '../src/process/begun.js'
import { gate, turns } from './support.js'

describe('what a function has begun', () => {
  test.each([
    ['a timer', (done: () => void) => void setTimeout(done, 5)],
    ['a timer behind a promise', (done: () => void) => void Promise.resolve().then(() => setTimeout(done, 5))],
    ['one timer after another', (done: () => void) => void setTimeout(() => setTimeout(done, 5), 5)],
    ['a file', (done: () => void) => void readFile(__filename).then(done)],
  ])('goes on until it has ended: %s', async (_what, act) => {
    const { opened, open } = gate()
    const begun = follow(() => act(open))
    onTestFinished(() => begun.release())
    await Promise.resolve()
    expect(begun.active).toBe(true)
    await opened
    await expect.poll(() => begun.active).toBe(false)
  })

  test('is nothing where it only computes', async () => {
    const begun = follow(() => 1 + 1)
    onTestFinished(() => begun.release())
    expect(begun).toMatchObject({ result: 2, active: false })
    await turns()
    expect(begun.active).toBe(false)
  })

  test('is nothing of what others have begun, before or meanwhile', async () => {
    const before = createServer().listen(0)
    await once(before, 'listening')
    const begun = follow(() => {})
    const meanwhile = createServer().listen(0)
    onTestFinished(() => {
      begun.release()
      before.close()
      meanwhile.close()
    })
    await turns()
    expect(begun.active).toBe(false)
  })

  test('goes no further than an error of the function, which is passed on', () => {
    expect(() =>
      follow(() => {
        throw new Error('no pool')
      }),
    ).toThrow('no pool')
  })
})
