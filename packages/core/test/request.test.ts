import { describe, expect, test } from 'vitest'
import { isProbe, originalUrlOf, pathOf } from '../src/shared/request.js'

describe('the path that the log and the report name', () => {
  test.each([
    ['/', '/'],
    ['/?token=secret', '/'],
    ['/orders/7?token=secret?', '/orders/7'],
    ['?', ''],
    ['', ''],
    [undefined, ''],
  ])('of %s is %s', (url, path) => {
    expect(pathOf({ url })).toBe(path)
  })

  test('is the whole path, even if a router has removed its mount path', () => {
    expect(pathOf({ url: '/7?x', originalUrl: '/orders/7?x' })).toBe('/orders/7')
    expect(originalUrlOf({ url: '/7?x', originalUrl: '/orders/7?x' })).toBe('/orders/7?x')
    expect(originalUrlOf({ url: '/7', originalUrl: new URL('http://pod/orders') })).toBe('/7')
  })
})

test.each([
  ['kube-probe/1.33', true],
  ['kube-lifecycle/1.33', true],
  ['GoogleHC/1.0', true],
  ['ELB-HealthChecker/2.0', true],
  ['Envoy/HC', true],
  ['Prometheus/3.5.0', true],
  ['curl/8 (like kube-probe/1.33)', false],
  ['Prometheus-like', false],
  [undefined, false],
])('a request of %s is a probe: %s', (agent, is) => {
  expect(isProbe({ 'user-agent': agent })).toBe(is)
})
