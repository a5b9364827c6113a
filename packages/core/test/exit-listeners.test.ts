import { describe, expect, test, vi } from 'vitest'
import { type ExitListener, ExitListeners } from '../src/process/exit-listeners.js'
import { turns } from './support.js'

function listener(changes: Partial<ExitListener> = {}): ExitListener {
  return { signals: ['SIGTERM'], errors: true, end: vi.fn(async () => true), again: vi.fn(), ...changes }
}

describe('the drains of a process', () => {
  test('are all ended, and the process is clean if each drain was', async () => {
    const listeners = new ExitListeners()
    const [one, two] = [listener(), listener({ end: async () => false })]
    listeners.add(one)
    expect(await listeners.end({ signal: 'SIGTERM' })).toBe(true)
    listeners.add(two)
    expect(await listeners.end({ signal: 'SIGTERM' })).toBe(false)
    expect(one.end).toHaveBeenCalledWith({ signal: 'SIGTERM' })
  })

  test('that register during the end are ended, too, unless they unregister at once', async () => {
    const listeners = new ExitListeners()
    const begun = performance.now()
    const [late, hasty] = [listener({ end: vi.fn(async () => false) }), listener()]
    listeners.add(
      listener({
        end: async () => {
          listeners.add(late)
          listeners.add(hasty)()
          await turns(2)
          return true
        },
      }),
    )
    expect(await listeners.end({ signal: 'SIGINT' })).toBe(false)
    const [{ signal, ago = -1 }] = vi.mocked(late.end).mock.calls[0] as [{ signal: string; ago?: number }]
    expect(late.end).toHaveBeenCalledOnce()
    expect(signal).toBe('SIGINT')
    expect(ago).toBeGreaterThanOrEqual(0)
    expect(ago).toBeLessThanOrEqual(performance.now() - begun)
    expect(hasty.end).not.toHaveBeenCalled()
  })

  test('that register in a process that goes on are not ended', async () => {
    const listeners = new ExitListeners()
    const one = listener()
    listeners.add(one)
    await turns(2)
    expect(one.end).not.toHaveBeenCalled()
  })

  test('say whether an exit by other code cuts something: one such drain is enough', () => {
    const listeners = new ExitListeners()
    expect(listeners.cutShort()).toBe(false)
    listeners.add(listener())
    listeners.add(listener({ cut: () => false }))
    expect(listeners.cutShort()).toBe(false)
    const cut = vi.fn(() => true)
    listeners.add(listener({ cut }))
    listeners.add(listener({ cut: () => false }))
    expect(listeners.cutShort()).toBe(true)
    expect(cut).toHaveBeenCalledOnce()
  })

  test('leave the process the time until the first deadline, and are late when all deadlines have passed', async () => {
    const listeners = new ExitListeners()
    expect([listeners.left, listeners.late]).toEqual([0, false])
    const times = [300, -1]
    listeners.add(listener({ left: () => times[0] ?? 0 }))
    listeners.add(listener({ left: () => times[1] ?? 0 }))
    void listeners.end({ signal: 'SIGTERM' })
    expect([listeners.left, listeners.late]).toEqual([-1, false])
    times[0] = 0
    expect(listeners.late).toBe(true)
    const endless = new ExitListeners()
    endless.add(listener())
    void endless.end({ signal: 'SIGTERM' })
    expect([endless.left, endless.late]).toEqual([0, false])
  })

  test('each get a further error, and a signal that follows an error', () => {
    const listeners = new ExitListeners()
    const [one, two] = [listener(), listener()]
    for (const each of [one, two]) listeners.add(each)
    const error = new Error('boom')
    listeners.again({ error })
    listeners.join('SIGTERM')
    for (const { again, end } of [one, two]) {
      expect(again).toHaveBeenCalledExactlyOnceWith({ error })
      expect(end).toHaveBeenCalledExactlyOnceWith({ signal: 'SIGTERM' })
    }
  })

  test('have a first one that logs for the process, and not one that has unregistered', async () => {
    const listeners = new ExitListeners()
    const [one, two] = [listener(), listener()]
    const leave = listeners.add(one)
    expect([leave(), leave()]).toEqual([true, false])
    listeners.add(two)
    expect(listeners.first).toBeUndefined()
    await listeners.end({ signal: 'SIGTERM' })
    expect(listeners.first).toBe(two)
    expect([...listeners.all]).toEqual([two])
    expect(one.end).not.toHaveBeenCalled()
  })
})
