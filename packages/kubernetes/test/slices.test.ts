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

/** The state after a list with the first slice, and updates with the others. */
function seen(is: Partial<SlicesOptions>, first: EndpointSlice, ...others: EndpointSlice[]): Slices {
  const slices = new Slices({ ...whom, ...is })
  slices.replaceAll([first])
  for (const each of others) slices.update(each.metadata.name ?? '', each)
  return slices
}

describe('a pod is listed', () => {
  test.each([
    ['ready, without conditions', null],
    ['ready, with conditions that are null', { ready: null, terminating: null }],
    ['ready', ready],
  ])('as %s', (_, conditions) => {
    expect(seen({}, slice('1', [own(conditions)])).ready).toBe(true)
  })

  test('as ready while one of several slices lists it as ready', () => {
    const slices = new Slices(whom)
    slices.replaceAll([slice('1', [own()]), slice('2', [own(ended)], 'web-ipv6')])
    expect(slices.ready).toBe(true)
    expect(slices.settled).toBe(false)
    expect(slices.names).toEqual(['web-a', 'web-ipv6'])
    expect(slices.services).toEqual(['web'])
  })

  test('as in the newest version, which may have more digits: another API server may respond with an older one', () => {
    expect(seen({}, slice('10', [own(ending), other()]), slice('9', [own(), other()])).ready).toBe(false)
  })

  test('by no slice with other pods only, or with pods of the same name in another namespace', () => {
    const slices = new Slices(whom)
    const elsewhere = { targetRef: { kind: 'Pod', name: 'web-1', namespace: 'b' } }
    slices.replaceAll([slice('1', [null, {}, other(), elsewhere]), slice('1', 'garbage', 'b'), slice('1', null, 'c')])
    expect(slices.names).toEqual([])
  })
})

describe('load balancers have stopped sending', () => {
  test.each<[string, boolean, unknown[], Partial<SlicesOptions>?]>([
    ['when another one is ready', true, [own(ending), other()]],
    ['when the pod no longer serves', true, [own(ended)]],
    ['when a slice no longer lists the pod, after it has listed the pod as terminating', true, [other()]],
    ['is not so of the only endpoint, which kube-proxy goes on sending to', false, [own(ending)]],
    ['is not so while the others terminate, too', false, [own(ending), other(ending)]],
    ['is not so while the others are not ready', false, [own(ending), other({ ready: false, serving: false })]],
    [
      'not while only pods on other nodes are ready, with traffic policy Local',
      false,
      [own(ending), other()],
      { isLocal: () => true },
    ],
    [
      'when another pod on the same node is ready, with traffic policy Local',
      true,
      [own(ending), other(ready, 'a')],
      { isLocal: () => true },
    ],
    [
      'not while the traffic policy is not known',
      false,
      [own(ending), other(ready, 'a')],
      { isLocal: () => undefined },
    ],
    ['not when the pod is not ready, and not deleted', false, [own({ ready: false, serving: false }), other()]],
    ['not when the pod is published although it terminates', false, [own({ ready: true, terminating: true }), other()]],
    ['not when the pod is published although it is not ready', false, [own({ ready: true, serving: false }), other()]],
    [
      'not when the pod’s address is listed without a reference to the pod',
      false,
      [{ addresses: ['10.0.0.1'] }, other()],
    ],
  ])('%s', (_, left, endpoints, is = {}) => {
    const terminating = slice('2', [own(ending)])
    const begun = left && !endpoints.some((each) => (each as Endpoint).targetRef?.name === 'web-1') ? [terminating] : []
    expect(seen(is, slice('1', [own(), other()]), ...begun, slice('3', endpoints)).settled).toBe(left)
  })

  test('not if the Service is headless: clients cache addresses from DNS', () => {
    const headless = { 'service.kubernetes.io/headless': '' }
    const slices = seen({}, slice('1', [own(ending), other()], 'web-a', headless))
    expect([slices.conclusive, slices.settled]).toEqual([false, false])
  })

  describe('if the pod is alone in its slice, and another slice of the Service', () => {
    const ipv4 = (version: string, endpoints: unknown, name: string, ports = ['http']): EndpointSlice => ({
      ...slice(version, endpoints, name),
      addressType: 'IPv4',
      ports: ports.map((each) => ({ name: each })),
    })
    const alone = ipv4('2', [own(ending)], 'web-a')

    test('has a ready pod, as long as it has one', () => {
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
    ])('%s: they have not', (_, is, beside) => {
      const slices = new Slices({ ...whom, ...is })
      slices.replaceAll([alone, beside])
      expect(slices.settled).toBe(false)
      expect(slices.siblingsOf('web-a')).toEqual([])
    })
  })

  test('not when a slice no longer lists a pod that was never terminating: it has moved to another slice', () => {
    const slices = seen({}, slice('1', [own(), other()]), slice('2', [other()]))
    expect([slices.moved, slices.settled]).toEqual([true, false])
    slices.replaceAll([slice('2', [other()]), slice('1', [own(ending), other()], 'web-b')])
    expect([slices.names, slices.moved, slices.settled]).toEqual([['web-b'], false, true])
  })

  test('not when one slice no longer lists a terminating pod, but another slice does', () => {
    const slices = seen({}, slice('1', [own(ending)]), slice('2', []))
    expect(slices.moved).toBe(true)
    slices.replaceAll([slice('2', []), slice('1', [own(ending)], 'web-b')])
    expect(slices.names).toEqual(['web-a', 'web-b'])
    expect(slices.settled).toBe(false)
  })

  test('not when the slice is gone, because an empty response may also come from a proxy', () => {
    const slices = seen({}, slice('1', [own(ending)]))
    slices.update('web-a', undefined)
    expect(slices.settled).toBe(false)
  })

  test('no longer, when the other pod terminates, too: kube-proxy then sends to both', () => {
    expect(seen({}, slice('1', [own(ending), other()]), slice('2', [own(ending), other(ending)])).settled).toBe(false)
  })
})
