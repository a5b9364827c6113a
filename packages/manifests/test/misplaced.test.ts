import { describe, expect, test } from 'vitest'
import { fix, lint } from '../src/index.js'

const look = (text: string) => lint([{ file: 'web.yaml', text }]).findings
const told = (text: string) => look(text).map(({ line, rule }) => `${line} ${rule}`)

const deployment = (lines: string) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
${lines}`

describe('what stands at the wrong level is judged at the right one, in the line where it stands', () => {
  test('a hook in the spec of the pod', () => {
    const text = deployment(`  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 5
      lifecycle:
        preStop: { sleep: { seconds: 25 } }
      containers:
        - name: web
          image: web:1
          command: [npm, start]
`)
    expect(told(text)).toEqual(['10 misplaced-key', '11 hook-outlasts-grace', '15 package-manager'])
    expect(look(text)[1]?.path).toBe('spec.template.spec.containers[0].lifecycle.preStop.sleep.seconds')
    expect(look(fix([{ file: 'web.yaml', text }])[0]?.text ?? '').map(({ rule }) => rule)).toEqual([
      'hook-outlasts-grace',
      'package-manager',
    ])
  })

  test('a grace period beside the template', () => {
    const text = deployment(`  terminationGracePeriodSeconds: 5
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - { name: web, image: web:1, lifecycle: { preStop: { sleep: { seconds: 25 } } } }
`)
    expect(told(text)).toEqual(['6 misplaced-key', '11 hook-outlasts-grace'])
  })

  test('not if it is unknown which container is meant', () => {
    const text = deployment(`  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 5
      lifecycle: { preStop: { sleep: { seconds: 25 } } }
      containers: [{ name: web, image: web:1 }, { name: log, image: log:1 }]
`)
    expect(told(text)).toEqual(['10 misplaced-key'])
  })

  test('not in place of what stands there already', () => {
    const text = deployment(`  terminationGracePeriodSeconds: 5
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 60
      containers:
        - { name: web, image: web:1, lifecycle: { preStop: { sleep: { seconds: 25 } } } }
`)
    expect(told(text)).toEqual(['6 misplaced-key'])
  })
})

test('a Deployment without a template is told once to move its pod, which is judged', () => {
  const text = deployment(`  terminationGracePeriodSeconds: 5
  volumes: [{ name: tmp, emptyDir: {} }]
  containers:
    - name: web
      image: web:1
      command: [npm, start]
      lifecycle: { preStop: { sleep: { seconds: 25 } } }
      livenessProbe: { httpget: { path: /livez, port: 8080 } }
`)
  expect(told(text)).toEqual(['6 misplaced-key', '11 package-manager', '12 hook-outlasts-grace', '13 unknown-key'])
  const [finding] = look(text)
  expect(finding?.message).toContain(
    '`terminationGracePeriodSeconds`, `volumes` and `containers` belong under `spec.template.spec`, 2 levels further in.',
  )
  expect(finding?.fix).toBe('Move them to `spec.template.spec`')
})
