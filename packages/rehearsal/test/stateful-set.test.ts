import { describe, expect, test } from 'vitest'
import { type Rehearsal, type RehearsalOptions, rehearse } from '../src/index.js'
import { short } from './short.js'

/** Three pods of a StatefulSet that drain during their hook. */
function run(more: Partial<RehearsalOptions> = {}): Promise<Rehearsal> {
  const clients = { keepAlive: 2, newConnection: 2, slowKeepAlive: 0 }
  const preStop = { httpGet: { path: '/prestop' } }
  const env = { HOOK_MS: '300' }
  return rehearse(short({ workload: 'StatefulSet', replicas: 3, preStop, env, clients, ...more }))
}

const steps = ['pod-deleted', 'pod-exit', 'pod-start', 'pod-ready'] as const

/** What was done to the pods since the scenario began, such as `pod-deleted old-3`. */
function storyOf({ events }: Rehearsal): string[] {
  const begin = events.findIndex(({ type }) => type === 'scenario-begin')
  return events.slice(begin).flatMap((event) => {
    return 'pod' in event && steps.some((step) => step === event.type) ? [`${event.type} ${event.pod}`] : []
  })
}

const replaced = (number: number) => [
  ...[`pod-deleted old-${number}`, `pod-exit old-${number}`],
  ...[`pod-start new-${number}`, `pod-ready new-${number}`],
]

describe.concurrent('a StatefulSet', () => {
  test('is replaced from the highest ordinal down, each pod after the one of its name is gone, and loses nothing', async () => {
    const result = await run()
    expect(storyOf(result)).toEqual([3, 2, 1].flatMap(replaced))
    expect(result.summary).toMatchObject({ lost: 0, exits: { 'exit 0': 3 } })
  })

  test('goes on to the next pod when the new one has been ready for minReadySeconds', async () => {
    const { events } = await run({ replicas: 2, minReadySeconds: 1 })
    const at = (type: string, pod: string) =>
      events.find((event) => event.type === type && 'pod' in event && event.pod === pod)?.t ?? Number.NaN
    expect(at('pod-deleted', 'old-1') - at('pod-ready', 'new-2')).toBeGreaterThan(995)
  })

  test('leaves pods below its partition as they are', async () => {
    expect(storyOf(await run({ partition: 2 }))).toEqual(replaced(3))
  })

  test('with maxUnavailable replaces so many pods at a time', async () => {
    const story = storyOf(await run({ maxUnavailable: '70%' }))
    expect(story.slice(0, 2)).toEqual(['pod-deleted old-3', 'pod-deleted old-2'])
    for (const number of [1, 2, 3]) {
      expect(story.filter((step) => step.endsWith(`-${number}`))).toEqual(replaced(number))
    }
  })

  test('with one pod has an outage during the update, and gets advice', async () => {
    // Clients come all the time, also while some hang at the address that is gone.
    const { summary } = await run({ replicas: 1, rate: 100, openLoop: true, startDelay: 500 })
    expect(summary.lostByCause.refused).toBeGreaterThan(0)
    expect(summary.diagnoses).toContainEqual(
      expect.objectContaining({
        kind: 'no endpoint',
        fix: 'Run 2 replicas or more: a StatefulSet creates a new pod only when the old one is gone.',
      }),
    )
  })

  test('is scaled down from the highest ordinal, one pod after the other', async () => {
    const story = storyOf(await run({ scenario: 'scale-down' }))
    expect(story).toEqual([3, 2].flatMap((number) => [`pod-deleted old-${number}`, `pod-exit old-${number}`]))
  })
})
