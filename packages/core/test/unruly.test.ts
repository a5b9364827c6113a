import { describe, expect, test } from 'vitest'
import { ask, Child } from './support.js'

function play(scene: string): Child {
  return new Child({ scene }, 'unruly.mjs')
}

describe('the end of the process is not', () => {
  test.each([
    ['a thread that crashes', /^the application handles: on purpose$/],
    ['a worker that is sent something too late', /^the application handles: ERR_IPC_CHANNEL_CLOSED$/],
    ['a channel of the same name', /^listening/],
  ])('%s', async (scene, line) => {
    const child = play(scene)
    await child.line(line)
    expect(await child.line(/^then/)).toBe('then serving')
  })
})

describe('a thread', () => {
  test('that is not drained by a main thread answers its hook when it has settled itself', async () => {
    const child = play('a thread that nobody leads')
    await child.listening()
    expect((await ask(child.port, '/prestop')).json()).toMatchObject({ state: 'draining' })
  })

  test('that is passed to drainThread() after it has begun to serve drains with the main thread', async () => {
    const child = play('a thread that is led late')
    await child.line(/^main draining/)
    await child.line(/^worker draining/)
  })

  test('that is still starting at the signal gets it when it listens for messages', async () => {
    const child = play('a thread that is still starting')
    expect(await child.exit).toEqual([0, null])
    expect(child.lines).toContain('thread gone 0')
    expect(child.lines).toContainEqual(expect.stringMatching(/^podrain: drained in .* nothing cut$/))
  })

  test('that is started while the process ends does not delay the exit', async () => {
    const child = play('threads that are started again on every exit')
    expect(await child.exit).toEqual([0, null])
    expect(child.lines).toContainEqual(expect.stringMatching(/^podrain: drained in .* nothing cut$/))
  })
})

describe('in a cluster', () => {
  test('a child process that the primary has forked is not a worker', async () => {
    const child = play('a helper of the primary')
    await child.listening()
    expect((await ask(child.port, '/prestop')).json()).toMatchObject({ state: 'draining' })
    expect(child.lines.filter((line) => line.startsWith('heard'))).toEqual([])
  })

  test('a worker that the signal ends before it listens has cut nothing', async () => {
    const child = play('a worker that is still starting')
    expect(await child.exit).toEqual([0, null])
    expect(child.lines).toContainEqual(expect.stringMatching(/^podrain: drained in .* nothing cut$/))
  })

  test('a worker with a port of its own makes the primary ready, too', async () => {
    const child = play('a worker with a port of its own')
    const port = Number((await child.line(/control endpoints on port/)).split(' ').at(-1))
    await child.listening()
    await expect.poll(async () => (await ask(port, '/readyz')).status).toBe(200)
  })
})
