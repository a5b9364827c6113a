import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { callBefore, intercept } from '../src/http/intercept.js'

/** An emitter, with the listeners that were called. */
class Scene extends EventEmitter {
  readonly called: string[] = []
  /** The results of listeners, with their arguments. */
  readonly results: unknown[][] = []

  /** The listener of a name, which records its calls. */
  readonly named = (name: string) => (): void => void this.called.push(name)

  /** Emits an event. Returns the listeners that were called, in order. */
  happens(event = 'request', ...args: unknown[]): string[] {
    this.called.length = 0
    this.emit(event, ...args)
    return [...this.called]
  }
}

/** Waits until changes of the listeners have been noticed. */
const noticed = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('callBefore()', () => {
  test('calls the function before earlier and later listeners', async () => {
    const scene = new Scene()
    scene.on('upgrade', scene.named('early'))
    callBefore(scene, 'upgrade', scene.named('ours'))
    expect(scene.happens('upgrade')).toEqual(['ours', 'early'])
    scene.on('upgrade', scene.named('late'))
    scene.prependListener('upgrade', scene.named('first'))
    await noticed()
    expect(scene.happens('upgrade')).toEqual(['ours', 'first', 'early', 'late'])
  })

  test('does not call the function without listeners of the application, because that would change Node’s default', async () => {
    const scene = new Scene()
    callBefore(scene, 'upgrade', scene.named('ours'))
    expect(scene.listenerCount('upgrade')).toBe(0)
    const theirs = scene.named('theirs')
    scene.on('upgrade', theirs)
    await noticed()
    expect(scene.happens('upgrade')).toEqual(['ours', 'theirs'])
    scene.off('upgrade', theirs)
    await noticed()
    expect(scene.listenerCount('upgrade')).toBe(0)
  })

  test('calls the function when a library has replaced all listeners', async () => {
    const scene = new Scene()
    scene.on('upgrade', scene.named('theirs'))
    callBefore(scene, 'upgrade', scene.named('ours'))
    scene.removeAllListeners('upgrade')
    scene.on('upgrade', scene.named('library'))
    await noticed()
    expect(scene.happens('upgrade')).toEqual(['ours', 'library'])
  })

  test('calls the function for its own event only', async () => {
    const scene = new Scene()
    scene.on('connect', scene.named('connect'))
    callBefore(scene, 'upgrade', scene.named('ours'))
    scene.on('connect', scene.named('connect'))
    await noticed()
    expect(scene.happens('connect')).toEqual(['connect', 'connect'])
    expect(scene.listenerCount('upgrade')).toBe(0)
  })

  test('emits no newListener and removeListener', async () => {
    const scene = new Scene()
    const changes: string[] = []
    scene.on('upgrade', scene.named('theirs'))
    callBefore(scene, 'upgrade', scene.named('ours'))
    await noticed()
    for (const change of ['newListener', 'removeListener'])
      scene.on(change, (event) => changes.push(`${change} ${event}`))
    changes.length = 0
    scene.on('upgrade', scene.named('more'))
    await noticed()
    expect(changes).toEqual(['newListener upgrade'])
  })

  test('can be undone, even during a change of the listeners', async () => {
    const scene = new Scene()
    scene.on('upgrade', scene.named('theirs'))
    const undo = callBefore(scene, 'upgrade', scene.named('ours'))
    scene.on('upgrade', scene.named('late'))
    undo()
    await noticed()
    expect(scene.happens('upgrade')).toEqual(['theirs', 'late'])
    scene.on('upgrade', scene.named('later'))
    await noticed()
    expect(scene.happens('upgrade')).toEqual(['theirs', 'late', 'later'])
    expect(scene.eventNames()).toEqual(['upgrade'])
  })
})

describe('intercept()', () => {
  /** Adds an interceptor that answers the given events. */
  const stand = (scene: Scene, name = 'ours'): (() => void) =>
    intercept(
      scene,
      'request',
      (answers: boolean) => {
        scene.called.push(name)
        return answers
      },
      (...results) => scene.results.push(results),
    )

  test('does not call the listeners for an event that it answers', async () => {
    const scene = new Scene()
    scene.on('request', scene.named('early'))
    stand(scene)
    scene.on('request', scene.named('late'))
    await noticed()
    expect(scene.happens('request', true)).toEqual(['ours'])
    expect(scene.happens('request', false)).toEqual(['ours', 'early', 'late'])
  })

  test('makes emit() return true for an event that it answers', () => {
    const scene = new Scene()
    scene.on('request', scene.named('theirs'))
    stand(scene)
    expect(scene.emit('request', true)).toBe(true)
  })

  test('calls the listeners with all arguments, and with the server as `this`', async () => {
    const scene = new Scene()
    const seen: unknown[] = []
    scene.on('request', function (this: unknown, ...args) {
      seen.push(this, ...args)
    })
    stand(scene)
    scene.happens('request', false, 'response')
    expect(seen).toEqual([scene, false, 'response'])
    seen.length = 0
    scene.happens('request', false, 'socket', 'head') // the arguments of an upgrade
    expect(seen).toEqual([scene, false, 'socket', 'head'])
  })

  test('gets the result of each listener, with its arguments', async () => {
    const scene = new Scene()
    scene.on('request', () => 'first')
    scene.on('request', () => undefined) // no result
    scene.on('request', () => 'second')
    stand(scene)
    scene.happens('request', false, 'response')
    scene.happens('request', true, 'response')
    expect(scene.results).toEqual([
      ['first', false, 'response'],
      ['second', false, 'response'],
    ])
  })

  test('calls a listener that was added with once() only once', async () => {
    const scene = new Scene()
    scene.once('request', scene.named('once'))
    scene.on('request', scene.named('always'))
    stand(scene)
    expect(scene.happens('request', false)).toEqual(['ours', 'once', 'always'])
    expect(scene.happens('request', false)).toEqual(['ours', 'always'])
  })

  test('does nothing while the application has no listener', async () => {
    const scene = new Scene()
    stand(scene)
    expect(scene.listenerCount('request')).toBe(0)
    scene.on('request', scene.named('theirs'))
    await noticed()
    expect(scene.listenerCount('request')).toBe(1)
    expect(scene.happens('request', true)).toEqual(['ours'])
  })

  test('works with a library that removes listeners and calls them itself, as socket.io does', async () => {
    const scene = new Scene()
    scene.on('request', scene.named('theirs'))
    stand(scene)
    const behind = scene.listeners('request').slice()
    scene.removeAllListeners('request')
    scene.on('request', (...args) => {
      scene.called.push('library')
      for (const listener of behind) listener.call(scene, ...args)
    })
    await noticed()
    expect(scene.happens('request', true)).toEqual(['ours'])
    expect(scene.happens('request', false)).toEqual(['ours', 'library', 'theirs'])
  })

  test('does not change listeners(), listenerCount() and the order of listeners', async () => {
    const scene = new Scene()
    const [a, b, c] = ['a', 'b', 'c'].map(scene.named) as [() => void, () => void, () => void]
    scene.on('request', b)
    stand(scene)
    scene.on('request', c)
    scene.prependListener('request', a)
    for (const _ of ['at once', 'and later']) {
      expect(scene.listeners('request')).toEqual([a, b, c])
      expect(scene.listenerCount('request')).toBe(3)
      expect(scene.happens('request', false)).toEqual(['ours', 'a', 'b', 'c'])
      expect(scene.happens('request', true)).toEqual(['ours'])
      await noticed()
    }
  })

  test.each([
    ['at once', async () => {}],
    ['later', noticed],
  ])('does not keep a listener that is removed %s', async (_when, wait) => {
    const scene = new Scene()
    const [old, current] = [scene.named('old'), scene.named('new')]
    scene.on('request', old)
    stand(scene)
    await wait()
    const removed: unknown[] = []
    scene.on('removeListener', (_event, listener) => removed.push(listener))
    scene.off('request', old)
    expect(removed).toEqual([old])
    scene.on('request', current)
    expect(scene.happens('request', false)).toEqual(['ours', 'new'])
    await wait()
    scene.off('request', current)
    expect(scene.listenerCount('request')).toBe(0)
    expect(scene.happens('request', true)).toEqual([])
  })

  test('stays when all listeners of all events are removed', async () => {
    const scene = new Scene()
    scene.on('request', scene.named('theirs'))
    stand(scene)
    scene.removeAllListeners()
    scene.on('request', scene.named('next'))
    expect(scene.happens('request', true)).toEqual(['ours'])
    expect(scene.happens('request', false)).toEqual(['ours', 'next'])
  })

  test('calls several interceptors in the order they were added, and each can be removed', async () => {
    const scene = new Scene()
    scene.on('request', scene.named('theirs'))
    const undo = stand(scene, 'first')
    const undoSecond = stand(scene, 'second')
    expect(scene.happens('request', false)).toEqual(['first', 'second', 'theirs'])
    expect(scene.happens('request', true)).toEqual(['first'])
    undo()
    expect(scene.happens('request', true)).toEqual(['second'])
    undoSecond()
    expect(scene.happens('request', true)).toEqual(['theirs'])
    expect(Object.getOwnPropertyNames(scene)).not.toContain('emit')
  })

  test('works with tracing that replaces `emit` before or after it, on the server or on the prototype', async () => {
    class Server extends Scene {}
    const scene = new Server()
    scene.on('request', scene.named('theirs'))
    const trace = (target: EventEmitter, name: string): void => {
      const { emit } = target
      target.emit = function (this: EventEmitter, event, ...args) {
        if (event === 'request') scene.called.push(name)
        return emit.call(this, event, ...args)
      }
    }
    trace(scene, 'early')
    const undo = stand(scene)
    trace(scene, 'late')
    trace(Server.prototype, 'all')
    expect(scene.happens('request', false)).toEqual(['late', 'ours', 'early', 'theirs'])
    undo()
    expect(scene.happens('request', true)).toEqual(['late', 'early', 'theirs'])

    const untouched = new Server()
    untouched.on('request', scene.named('theirs'))
    scene.called.length = 0
    const leave = stand(untouched)
    untouched.emit('request', false)
    expect([scene.called, untouched.called]).toEqual([['all', 'theirs'], ['ours']])
    leave()
    expect(untouched.emit).toBe(Server.prototype.emit)
  })

  test('passes other events on unchanged', async () => {
    const scene = new Scene()
    const seen: unknown[][] = []
    scene.on('request', () => {})
    scene.on('other', (...args) => seen.push(args))
    stand(scene)
    expect(scene.emit('other')).toBe(true)
    scene.emit('other', 1, 2)
    scene.emit('other', 1, 2, 3)
    expect(seen).toEqual([[], [1, 2], [1, 2, 3]])
    expect(scene.emit('nobody')).toBe(false)
    expect(() => scene.emit('error', new Error('on purpose'))).toThrow('on purpose')
  })

  test('restores the listeners in their order when it is undone', async () => {
    const scene = new Scene()
    scene.on('request', scene.named('a'))
    const undo = stand(scene)
    scene.on('request', scene.named('b'))
    await noticed()
    undo()
    expect(scene.happens('request', true)).toEqual(['a', 'b'])
    scene.on('request', scene.named('c'))
    await noticed()
    expect(scene.happens('request', true)).toEqual(['a', 'b', 'c'])
    expect(scene.eventNames()).toEqual(['request'])
    expect(scene.rawListeners('request')).toEqual(scene.listeners('request'))
  })
})
