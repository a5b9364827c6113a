import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { policyOf, type Review, refusal } from './policies.js'

const examples = join(import.meta.dirname, '..')
const people = 'kubernetes-admin'
const replicaSets = 'system:serviceaccount:kube-system:replicaset-controller'

describe('busy-policy.yaml', () => {
  const policy = policyOf(join(examples, 'busy-policy.yaml'))
  const labels = { 'podrain.example.com/protect': 'true' }

  function deletion(username: string, metadata: object, resource = 'pods'): Review {
    const oldObject = { metadata: { name: 'worker-1', labels, ...metadata } }
    return { operation: 'DELETE', resource, oldObject, request: { userInfo: { username } } }
  }
  const tasks = (count: string): object => ({ annotations: { 'podrain/tasks': count } })

  test.each([
    ['by a person', people],
    ['by a controller, in a rollout or when it scales down', replicaSets],
  ])('a busy pod is not deleted %s, and the refusal says why', (_, username) => {
    expect(refusal(policy, deletion(username, tasks('10')))).toBe(
      'pod worker-1 is working on tasks (podrain/tasks: 10)',
    )
  })

  test.each<[string, string, object]>([
    ['that is idle', people, tasks('0')],
    ['that has annotations, but none of podrain', people, { annotations: { team: 'shop' } }],
    ['without any annotation', people, {}],
    ['without the label for protection', people, { ...tasks('1'), labels: {} }],
    ['without a label', people, { ...tasks('1'), labels: undefined }],
    [
      'with the annotation let-go',
      people,
      { annotations: { 'podrain/tasks': '1', 'podrain.example.com/let-go': 'true' } },
    ],
    ['that is deleted already', people, { ...tasks('1'), deletionTimestamp: '2026-11-21T00:47:48Z' }],
    ['that has ended, says the kubelet', 'system:node:node-1', tasks('1')],
    ['on a lost node, by taint', 'system:serviceaccount:kube-system:taint-eviction-controller', tasks('1')],
    ['on a lost node, by garbage collection', 'system:serviceaccount:kube-system:pod-garbage-collector', tasks('1')],
  ])('a pod %s is deleted', (_, username, metadata) => {
    expect(refusal(policy, deletion(username, metadata))).toBeUndefined()
  })

  test('an eviction is not refused', () => {
    expect(refusal(policy, deletion(people, tasks('1'), 'pods/eviction'))).toBeUndefined()
  })
})

describe('the policy of task-crd.yaml', () => {
  const policy = policyOf(join(examples, 'task-crd.yaml'))

  test.each<[string, object, string | undefined]>([
    ['with active tasks is refused', { status: { activeTasks: 2n } }, 'the Task is active'],
    ['without active tasks is allowed', { status: { activeTasks: 0n } }, undefined],
    ['with an empty status is allowed', { status: {} }, undefined],
    ['without a status is allowed', {}, undefined],
  ])('the deletion of a Task %s', (_, task, answer) => {
    const oldObject = { metadata: { name: 'import' }, ...task }
    const request = { userInfo: { username: people } }
    expect(refusal(policy, { operation: 'DELETE', resource: 'tasks', oldObject, request })).toBe(answer)
  })
})

describe('the policy of rbac-annotations.yaml', () => {
  const file = join(examples, '..', '..', 'packages', 'kubernetes', 'rbac-annotations.yaml')
  const policy = policyOf(file)
  const [role] = parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS()) as [
    { rules: { resources: string[]; verbs: string[] }[] },
  ]
  const username = 'system:serviceaccount:shop:shop'
  /** The permissions of an account with only the Role of the file. */
  const byRole: NonNullable<Review['may']> = (verb, resource) =>
    role.rules.some(({ resources, verbs }) => resources.includes(resource) && verbs.includes(verb))
  const extra = { 'authentication.kubernetes.io/pod-name': ['web-1'] }
  const before = { metadata: { name: 'web-1', labels: { app: 'web' }, annotations: { team: 'shop' } }, spec: { a: 1 } }

  function update(metadata: object, request: object = {}, spec: object = before.spec): Review {
    return {
      operation: 'UPDATE',
      resource: 'pods',
      oldObject: before,
      object: { metadata: { ...before.metadata, ...metadata }, spec } as Review['oldObject'],
      request: { name: 'web-1', namespace: 'shop', userInfo: { username, extra }, ...request },
      may: byRole,
    }
  }
  const busy = {
    annotations: { team: 'shop', 'podrain/tasks': '1', 'controller.kubernetes.io/pod-deletion-cost': '100' },
  }

  test('a pod may write how busy it is', () => {
    expect(refusal(policy, update(busy))).toBeUndefined()
  })

  test.each<[string, Review, string]>([
    ['on another pod', update(busy, { name: 'web-2' }), 'a pod may only write on itself'],
    [
      'with a token that names no pod',
      update(busy, { userInfo: { username } }),
      'could not be evaluated: No such key: extra',
    ],
    ['another image', update(busy, {}, { a: 2 }), 'a pod may only write its annotations'],
    ['another label', update({ labels: { app: 'api' } }), 'a pod may only write its annotations'],
    ['a finalizer', update({ finalizers: ['a.example.com/b'] }), 'a pod may only write its annotations'],
    ['another owner', update({ ownerReferences: [{ name: 'a' }] }), 'a pod may only write its annotations'],
    ['another annotation', update({ annotations: { team: 'api' } }), 'a pod may only write annotations of podrain'],
    ['fewer annotations', update({ annotations: {} }), 'a pod may only write annotations of podrain'],
    ['no annotations', update({ annotations: undefined }), 'a pod may only write annotations of podrain'],
  ])('a pod may not write %s', (_, review, message) => {
    expect(refusal(policy, review)).toContain(message)
  })

  test('a pod of another namespace may not write on a pod of the same name', () => {
    const elsewhere = { userInfo: { username: 'system:serviceaccount:api:podrain', extra } }
    expect(refusal(policy, update(busy, elsewhere))).toBe('a pod may only write on itself')
  })

  test.each<[string, string, NonNullable<Review['may']>]>([
    ['a person', people, () => true],
    [
      'a controller with permissions of its own',
      'system:serviceaccount:shop:operator',
      (_, resource) => resource === 'pods',
    ],
    ['a controller that may do all', 'system:serviceaccount:argocd:argocd', () => true],
  ])('the policy does not apply to %s', (_, name, may) => {
    const other = { userInfo: { username: name } }
    expect(refusal(policy, { ...update({ labels: {} }, other, { a: 2 }), may })).toBeUndefined()
  })
})
