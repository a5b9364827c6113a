import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Drain } from '@podrain/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { missingRule } from '../src/api/rules.js'
import { type KubernetesOptions, kubernetes } from '../src/index.js'
import { type Call, cluster, configFor, deletedAt, Log, type Misbehaviour, recordedLines } from './support.js'

function drain(log = new Log()): Drain {
  const made = new Drain({ platform: 'kubernetes', signals: false, logger: log })
  onTestFinished(() => made.dispose())
  return made
}

const documents = (file: string): ReturnType<typeof JSON.parse>[] =>
  parseAllDocuments(readFileSync(join(__dirname, '..', file), 'utf8')).map((document) => document.toJS())

describe('options', () => {
  test.each<[string, object, string, string]>([
    ['an unknown one', { Pod: 'a' }, 'Unknown option `Pod`', '`pod`, `namespace`'],
    ['a pod that is no name', { pod: '../secrets' }, '`pod`', "'../secrets'"],
    ['an empty namespace', { namespace: '' }, '`namespace`', "''"],
    ['Services in one string', { services: 'web' }, '`services`', "'web'"],
    ['a Service that is no name', { services: ['web)'] }, '`services`', "'web)'"],
    ['a negative settleAfter', { settleAfter: -1 }, '`settleAfter`', '`-1`'],
    [
      'a kubeConfig that is a path',
      { kubeConfig: '~/.kube/config' },
      '`kubeConfig`',
      'KubeConfig of @kubernetes/client-node',
    ],
    ['a kubeConfig that is a file', { kubeConfig: 'token: secret' }, '`kubeConfig`', 'a value of type string'],
    ['annotations every second', { annotations: { interval: 1000 } }, '`annotations.interval`', '5000 or more'],
    [
      'an unknown key of annotations',
      { annotations: { cost: true } },
      'Unknown option of `annotations` `cost`',
      '`deletionCost`',
    ],
  ])('%s is an error that names it', (_, options, ...parts) => {
    for (const part of parts) expect(() => kubernetes(drain(), options as KubernetesOptions)).toThrow(part)
  })

  test('an error about a wrong kubeConfig does not show the value, which may contain a token', () => {
    const kubeConfig = { users: [{ token: 'secret' }] }
    let message = ''
    try {
      kubernetes(drain(), { kubeConfig } as never)
    } catch (error) {
      message = String(error)
    }
    expect(message).toContain('Expected `kubeConfig` to be')
    expect(message).not.toContain('secret')
  })

  test('without a drain, the error says what to pass', () => {
    // @ts-expect-error no drain
    expect(() => kubernetes({ listen() {} })).toThrow('Expected a Drain from @podrain/core')
  })

  test('outside of a cluster nothing happens, and one log line says so', () => {
    const log = new Log()
    kubernetes(drain(log), { pod: 'web' }).stop()
    expect(log.lines).toEqual([expect.stringMatching(/^info podrain: kubernetes: not in a cluster/)])
  })

  test('POD_NAME and POD_NAMESPACE are used', async () => {
    const before = { ...process.env }
    Object.assign(process.env, { POD_NAME: 'web-0', POD_NAMESPACE: 'shop' })
    onTestFinished(() => {
      process.env = before
    })
    const log = new Log()
    kubernetes(drain(log), { kubeConfig: configFor(1) }).stop()
    expect(log.lines[0]).toContain('following pod web-0 in namespace shop')
  })

  test('empty POD_NAME and POD_NAMESPACE are ignored', async () => {
    const before = { ...process.env }
    Object.assign(process.env, { POD_NAME: '', POD_NAMESPACE: '', HOSTNAME: 'web-1' })
    onTestFinished(() => {
      process.env = before
    })
    const log = new Log()
    kubernetes(drain(log), { kubeConfig: configFor(1) }).stop()
    expect(log.lines[0]).toContain('following pod web-1 in namespace default')
  })

  test('a pod name that does not exist is logged, with the variables to set', async () => {
    const { log, api, pass } = await cluster({ pod: 'the-node' })
    await expect.poll(() => api.watching).toBe(1)
    await pass(11_000)
    await expect.poll(() => log.matching(/there is no the-node in namespace default: set POD_NAME/)).toHaveLength(1)
  })
})

/** Responds with 403 to all requests, or to all requests for one resource. */
function forbidden(kind?: Call['kind']): Misbehaviour {
  return (call, response) => {
    if (kind !== undefined && call.kind !== kind) return false
    response.writeHead(403).end('{"kind":"Status","code":403,"message":"forbidden"}')
    return true
  }
}

describe('permissions', () => {
  test('that are missing: the log shows the rule to add once, requests are rare, and the drain goes on', async () => {
    const { api, log, drain, pass } = await cluster({}, {}, { misbehave: forbidden() })
    await expect.poll(() => api.calls.length).toBe(1)
    await pass(3_600_000)
    expect(log.matching(/not allowed/)).toEqual([
      expect.stringContaining('rules:\n  - apiGroups: [""]\n    resources: [pods]\n    verbs: [watch]'),
    ])
    // The request is repeated every 10 to 30 minutes, because the permission may be granted.
    expect(api.calls.length).toBeGreaterThanOrEqual(2)
    expect(api.calls.length).toBeLessThanOrEqual(7)
    void drain.prestop()
    await pass(1000)
    expect(log.matching(/not allowed/)[1]).toContain(
      'rules:\n  - apiGroups: [discovery.k8s.io]\n    resources: [endpointslices]\n    verbs: [list]',
    )
    const asked = api.calls.length
    await pass(10_000)
    expect(api.calls.length).toBe(asked)
  })

  test('to read Services that are missing: the log says so, and a pod on another node does not end the wait early', async () => {
    const { pods, endpointslices } = recordedLines()
    // The pod terminates, and still serves. Another one is ready.
    const event = JSON.parse(endpointslices[0]?.line ?? '')
    event.object.endpoints[1].nodeName = 'another'
    const lines = { pods, endpointslices: [{ ms: deletedAt, line: JSON.stringify(event) }] }
    const pod = await cluster({}, {}, { lines, misbehave: forbidden('services') })
    await expect.poll(() => pod.api.watching).toBe(1)
    await pod.until(() => pod.drain.state === 'draining')
    let answered = false
    void pod.drain.prestop().then(() => {
      answered = true
    })
    await pod.pass(4900)
    expect(answered).toBe(false)
    await pod.pass(200)
    expect(answered).toBe(true)
    const [line, ...more] = pod.log.matching(/^(warn|error)/)
    expect(line).toContain('not allowed to get services in namespace default')
    expect(line).toContain('rules:\n  - apiGroups: [""]\n    resources: [services]\n    verbs: [get]')
    expect(more).toEqual([])
  })

  test('are not named in the log if the response is not a Service', async () => {
    const misbehave: Misbehaviour = ({ kind }, response) => {
      if (kind === 'services') response.end('{"kind":"PodList","items":[]}')
      return kind === 'services'
    }
    const pod = await cluster({}, {}, { misbehave })
    await pod.until(() => pod.drain.state === 'draining')
    await pod.until(() => pod.log.matching(/Service web could not be read/).length > 0)
    expect(pod.log.matching(/not allowed/)).toEqual([])
  })

  test('in the manifests are those of the requests', () => {
    const rules = [...documents('rbac.yaml'), ...documents('rbac-annotations.yaml')]
      .filter(({ kind }) => kind === 'Role')
      .flatMap((role) => role.rules)
    for (const need of ['pod', 'slices', 'services', 'annotations'] as const) {
      const [, yaml = ''] = missingRule(need, 'default').split('service account:\n')
      const [wanted] = parseAllDocuments(yaml).map((document) => document.toJS().rules[0])
      expect(rules).toContainEqual(wanted)
    }
    // The last rule is the one by which the policy of rbac-annotations.yaml recognises the Role.
    expect(rules).toHaveLength(5)
  })
})
