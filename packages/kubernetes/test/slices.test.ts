import { describe, expect, test } from 'vitest'
import { Slices } from '../src/slices.js'

const whom = { name: 'web-1', namespace: 'default', addresses: new Set(['10.0.0.1']), uid: () => undefined }

const slice = (resourceVersion: string, conditions?: object, name = 'web-a'): object => ({
  metadata: { name, resourceVersion, labels: { 'kubernetes.io/service-name': 'web' } },
  endpoints: conditions ? [{ conditions, targetRef: { kind: 'Pod', name: 'web-1' } }] : null,
})

function seen(...objects: object[]): Slices {
  const slices = new Slices(whom)
  for (const object of objects) slices.hear({ type: 'MODIFIED', object: object as never })
  return slices
}

describe('what slices say of a pod', () => {
  test.each([
    ['ready, where nothing is said of it', {}, 'ready'],
    ['ready, where it is null', { ready: null, terminating: null }, 'ready'],
    ['not ready', { ready: false, serving: true, terminating: true }, 'not ready'],
    ['published though it terminates', { ready: true, terminating: true }, 'published'],
    ['published though it is not ready', { ready: true, serving: false, terminating: false }, 'published'],
  ] as const)('is: %s', (_, conditions, listed) => {
    expect(seen(slice('1', conditions)).has(listed)).toBe(true)
  })

  test('is that it is listed as long as one of several slices does', () => {
    const slices = seen(slice('1', { ready: true }), slice('2', { ready: true }, 'web-b'), slice('3', undefined))
    expect(slices.has('ready')).toBe(true)
    expect(slices.services).toEqual(['web'])
  })

  test('is what the newest version says: a list that was asked for beside the watch may be older, by its number of digits', () => {
    const slices = seen(slice('9', { ready: true }), slice('10', { ready: false, terminating: true }))
    const listing = slices.listing(['web'])
    listing.page([slice('9', { ready: true }) as never])
    listing.end()
    expect(slices.has('ready')).toBe(false)
    expect(slices.terminating).toBe(true)
  })

  test('is nothing any more when a list does not show it, but only of the Services that were asked for', () => {
    const slices = seen(slice('1', { ready: true }))
    slices.listing(['other']).end()
    expect(slices.known).toBe(true)
    slices.listing().end()
    expect(slices.known).toBe(false)
  })

  test('by its address alone, without its name, is that somebody may send to it', () => {
    const slices = seen({
      metadata: { name: 'by-hand', resourceVersion: '1' },
      endpoints: [{ addresses: ['10.0.0.1'] }, { addresses: 'garbage' }, { addresses: [null] }],
    })
    expect(slices.has('published')).toBe(true)
    expect(seen({ metadata: { name: 'b' }, endpoints: [{ addresses: ['10.0.0.2'] }] }).known).toBe(false)
  })

  test('of several families of addresses is that it is listed as long as one of them does', () => {
    const slices = seen(slice('1', { ready: false, terminating: true }), slice('2', { ready: true }, 'web-ipv6'))
    expect(slices.has('ready')).toBe(true)
  })

  test('of other pods is not remembered', () => {
    const slices = seen({
      metadata: { name: 'web-a', resourceVersion: '1' },
      endpoints: [
        null,
        {},
        { targetRef: { kind: 'Pod', name: 'web-2' } },
        { targetRef: { kind: 'Pod', name: 'web-1', namespace: 'b' } },
      ],
    })
    expect(slices.known).toBe(false)
  })
})
