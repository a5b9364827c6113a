import { describe, expect, test } from 'vitest'
import type { Endpoint, EndpointSlice } from '../src/api/objects.js'
import { Slices, type SlicesOptions } from '../src/endpoints/slices.js'

const whom: SlicesOptions = {
  name: 'web-1',
  namespace: 'default',
  addresses: new Set(['10.0.0.1']),
  uid: () => undefined,
  isLocal: () => false,
}
const ready = { ready: true, serving: true, terminating: false }
const ending = { ready: false, serving: true, terminating: true }
const ended = { ready: false, serving: false, terminating: true }

const own = (conditions?: Endpoint['conditions'], nodeName = 'a'): Endpoint => ({
  conditions: conditions ?? null,
  nodeName,
  targetRef: { kind: 'Pod', name: 'web-1' },
})
const other = (conditions: Endpoint['conditions'] = ready, nodeName = 'b'): Endpoint => ({
  ...own(conditions, nodeName),
  targetRef: { kind: 'Pod', name: 'web-2' },
})
const slice = (version: string, endpoints: unknown, name = 'web-a', labels = {}): EndpointSlice => ({
  metadata: { name, resourceVersion: version, labels: { 'kubernetes.io/service-name': 'web', ...labels } },
  endpoints: endpoints as Endpoint[],
})

/** What is known after the first was learned and the others were heard. */
function seen(is: Partial<SlicesOptions>, first: EndpointSlice, ...others: EndpointSlice[]): Slices {
  const slices = new Slices({ ...whom, ...is })
  slices.replaceAll([first])
  for (const each of others) slices.update(each.metadata.name ?? '', each)
  return slices
}

describe('a pod is listed', () => {
  test.each([
    ['ready, where nothing is said of it', null],
    ['ready, where it is null', { ready: null, terminating: null }],
    ['ready', ready],
  ])('as %s', (_, conditions) => {
    expect(seen({}, slice('1', [own(conditions)])).ready).toBe(true)
  })

  test('as ready as long as one of several slices does', () => {
    const slices = new Slices(whom)
    slices.replaceAll([slice('1', [own()]), slice('2', [own(ended)], 'web-ipv6')])
    expect(slices.ready).toBe(true)
    expect(slices.settled).toBe(false)
    expect(slices.names).toEqual(['web-a', 'web-ipv6'])
    expect(slices.services).toEqual(['web'])
  })

  test('as the newest version says: another API server may be behind, by its number of digits', () => {
    expect(seen({}, slice('10', [own(ending), other()]), slice('9', [own(), other()])).ready).toBe(false)
  })

  test('by nobody who lists other pods, or pods of its name elsewhere', () => {
    const slices = new Slices(whom)
    const elsewhere = { targetRef: { kind: 'Pod', name: 'web-1', namespace: 'b' } }
    slices.replaceAll([slice('1', [null, {}, other(), elsewhere]), slice('1', 'garbage', 'b'), slice('1', null, 'c')])
    expect(slices.names).toEqual([])
  })
})

describe('nobody sends any more', () => {
  test.each<[string, boolean, unknown[], Partial<SlicesOptions>?]>([
    ['when another one is ready', true, [own(ending), other()]],
    ['when it no longer serves', true, [own(ended)]],
    ['when a slice that said it terminates does not list it', true, [other()]],
    ['is not so of the only endpoint, which kube-proxy goes on sending to', false, [own(ending)]],
    ['is not so while the others terminate, too', false, [own(ending), other(ending)]],
    ['is not so while the others are not ready', false, [own(ending), other({ ready: false, serving: false })]],
    [
      'is not so while others are ready on other nodes only, of a Service that sends locally',
      false,
      [own(ending), other()],
      { isLocal: () => true },
    ],
    [
      'when another one on the same node is ready, of such a Service',
      true,
      [own(ending), other(ready, 'a')],
      { isLocal: () => true },
    ],
    [
      'is not so while it is not known whether the Service sends locally',
      false,
      [own(ending), other(ready, 'a')],
      { isLocal: () => undefined },
    ],
    [
      'is not so when it is not ready for a moment, and not deleted',
      false,
      [own({ ready: false, serving: false }), other()],
    ],
    [
      'is not so of one that is published though it terminates',
      false,
      [own({ ready: true, terminating: true }), other()],
    ],
    [
      'is not so of one that is published though it is not ready',
      false,
      [own({ ready: true, serving: false }), other()],
    ],
    ['is not so of an address that somebody lists without a name', false, [{ addresses: ['10.0.0.1'] }, other()]],
  ])('%s', (_, left, endpoints, is = {}) => {
    const terminating = slice('2', [own(ending)])
    const begun = left && !endpoints.some((each) => (each as Endpoint).targetRef?.name === 'web-1') ? [terminating] : []
    expect(seen(is, slice('1', [own(), other()]), ...begun, slice('3', endpoints)).settled).toBe(left)
  })

  test('is not said where DNS leads to the pod: clients remember it', () => {
    const headless = { 'service.kubernetes.io/headless': '' }
    const slices = seen({}, slice('1', [own(ending), other()], 'web-a', headless))
    expect([slices.conclusive, slices.settled]).toEqual([false, false])
  })

  describe('where its own slice has nobody else, and another slice of the Service', () => {
    const ipv4 = (version: string, endpoints: unknown, name: string, ports = ['http']): EndpointSlice => ({
      ...slice(version, endpoints, name),
      addressType: 'IPv4',
      ports: ports.map((each) => ({ name: each })),
    })
    const alone = ipv4('2', [own(ending)], 'web-a')

    test('has, when that is still so', () => {
      const slices = new Slices(whom)
      slices.replaceAll([ipv4('1', [own()], 'web-a'), ipv4('1', [other()], 'web-b')])
      expect(slices.siblingsOf('web-a')).toEqual([])
      slices.update('web-a', alone)
      expect([slices.settled, slices.siblingsOf('web-a')]).toEqual([false, ['web-b']])
      slices.update('web-a', alone, [ipv4('2', [other()], 'web-b', ['admin', 'http'])])
      expect(slices.settled).toBe(true)
      slices.update('web-a', alone, [ipv4('3', [other(ending)], 'web-b')])
      expect(slices.settled).toBe(false)
    })

    test.each<[string, Partial<SlicesOptions>, EndpointSlice]>([
      ['has none that is ready', {}, ipv4('1', [other(ended)], 'web-b')],
      ['is of other ports', {}, ipv4('1', [other()], 'web-b', ['admin'])],
      ['is of another family', {}, { ...ipv4('1', [other()], 'web-b'), addressType: 'IPv6' }],
      ['has some on other nodes, with a local policy', { isLocal: () => true }, ipv4('1', [other()], 'web-b')],
    ])('%s, it is not so', (_, is, beside) => {
      const slices = new Slices({ ...whom, ...is })
      slices.replaceAll([alone, beside])
      expect(slices.settled).toBe(false)
      expect(slices.siblingsOf('web-a')).toEqual([])
    })
  })

  test('is not so when a slice lets go of a pod that nobody has called terminating: it has moved to another slice', () => {
    const slices = seen({}, slice('1', [own(), other()]), slice('2', [other()]))
    expect([slices.moved, slices.settled]).toEqual([true, false])
    slices.replaceAll([slice('2', [other()]), slice('1', [own(ending), other()], 'web-b')])
    expect([slices.names, slices.moved, slices.settled]).toEqual([['web-b'], false, true])
  })

  test('is not so when a slice lets go of a pod that terminates, and another one lists it: both are waited for', () => {
    const slices = seen({}, slice('1', [own(ending)]), slice('2', []))
    expect(slices.moved).toBe(true)
    slices.replaceAll([slice('2', []), slice('1', [own(ending)], 'web-b')])
    expect(slices.names).toEqual(['web-a', 'web-b'])
    expect(slices.settled).toBe(false)
  })

  test('is not so when the slice is gone: an answer that is not the API’s own shows nothing, either', () => {
    const slices = seen({}, slice('1', [own(ending)]))
    slices.update('web-a', undefined)
    expect(slices.settled).toBe(false)
  })

  test('is taken back when the other one goes, too: then both are sent to', () => {
    expect(seen({}, slice('1', [own(ending), other()]), slice('2', [own(ending), other(ending)])).settled).toBe(false)
  })
})
