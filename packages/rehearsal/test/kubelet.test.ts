import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Kubelet } from '../src/cluster/kubelet/kubelet.js'
import type { PreStop } from '../src/plan/options.js'
import { resolveOptions } from '../src/plan/resolve.js'
import { createAddresses } from '../src/pods/addresses.js'
import { Pod } from '../src/pods/pod.js'
import type { Happening } from '../src/timeline/events.js'

const { readinessProbe, pidNamespace } = resolveOptions({
  command: 'node',
  readinessProbe: { periodSeconds: 0.2, timeoutSeconds: 5 },
})
const noOthers = { livenessProbe: null, startupProbe: null }

interface Case {
  readonly env?: Record<string, string>
  readonly grace?: number
  readonly preStop?: PreStop | null
}

/** Starts a pod, deletes it once it is ready, and returns what happened, in order, when its process is gone. */
async function deletePod({ env = {}, grace = 30, preStop = { httpGet: { path: '/prestop' } } }: Case) {
  const happenings: Array<Happening & { t: number }> = []
  const args = [join(__dirname, 'fixtures/hook.mjs')]
  const spec = {
    command: process.execPath,
    args,
    cwd: __dirname,
    env,
    portEnv: 'PORT',
    pidNamespace,
    terminationGracePeriodSeconds: grace,
    logs: null,
  }
  const addresses = await createAddresses({
    port: null,
    netns: false,
    cpus: null,
    preStop,
    readinessProbe,
    ...noOthers,
  })
  const address = await addresses.next()
  const pod = new Pod('old-1', true, spec, address)
  await new Promise<void>((resolve) => {
    const record = (happening: Happening) => {
      happenings.push({ ...happening, t: performance.now() })
    }
    const kubelet = new Kubelet(
      pod,
      { terminationGracePeriodSeconds: grace, readinessProbe, ...noOthers, preStop },
      record,
      {
        onReadiness: (ready) => {
          if (ready) void kubelet.terminate().then(resolve)
        },
        onUnhealthy: () => {},
      },
    )
    void kubelet.probe()
  })
  const { code, signal } = await pod.exited
  await address.release()
  const at = (type: Happening['type']) => happenings.find((happening) => happening.type === type)?.t ?? Number.NaN
  const sigterm = happenings.find((happening) => happening.type === 'sigterm')
  return {
    // A probe may find the process ending a moment before the kubelet knows: that is no part of the story.
    story: happenings.map(({ type }) => type).filter((type) => type !== 'pod-ready' && type !== 'pod-unready'),
    happenings,
    exit: signal ?? code,
    graceSeconds: sigterm?.type === 'sigterm' ? sigterm.graceSeconds : undefined,
    output: pod.output,
    between: (from: Happening['type'], to: Happening['type']) => at(to) - at(from),
  }
}

const answered = ['pod-deleted', 'hook-start', 'hook-end', 'sigterm']

describe.concurrent('a deleted pod', () => {
  test('gets its hook with the headers that the manifest gives it', async () => {
    const preStop = { httpGet: { path: '/prestop', httpHeaders: { 'x-token': 'secret' } } }
    const { story, output } = await deletePod({ preStop })
    expect(story).toEqual(answered)
    expect(output).toContain('token secret')
  })

  test('is reported with the status of its hook', async () => {
    const { happenings } = await deletePod({ env: { HOOK: '404' } })
    expect(happenings).toContainEqual(expect.objectContaining({ type: 'hook-end', outcome: 'done', status: 404 }))
  })

  test('runs a command as its hook in its own environment, and gets SIGTERM when it has ended', async () => {
    const command = ['sh', '-c', '[ "$POD_NAME" = old-1 ] && [ "{port}" = "$PORT" ] && sleep 0.3']
    const { story, happenings, between } = await deletePod({ preStop: { exec: { command } } })
    expect(story).toEqual(answered)
    expect(happenings).toContainEqual(expect.objectContaining({ type: 'hook-end', outcome: 'done' }))
    expect(between('hook-start', 'sigterm')).toBeGreaterThan(295)
  })

  test('is reported with the output of a hook command that fails', async () => {
    const command = ['sh', '-c', 'echo no such queue >&2; exit 7']
    const { story, happenings } = await deletePod({ preStop: { exec: { command } } })
    expect(story).toEqual(['pod-deleted', 'hook-start', 'hook-failed', 'hook-end', 'sigterm'])
    expect(happenings).toContainEqual(
      expect.objectContaining({ type: 'hook-failed', message: 'exit code 7: no such queue' }),
    )
  })

  test('is not waited for beyond its grace period by a command, and takes the command with it', async () => {
    const command = ['sh', '-c', 'sleep 60']
    const { story, exit } = await deletePod({ grace: 1, preStop: { exec: { command } } })
    expect(story.slice(0, 3)).toEqual(['pod-deleted', 'hook-start', 'hook-end'])
    expect(exit).toBe(0)
  })

  test('gets SIGTERM when its hook has answered', async () => {
    const { story, exit, between, output } = await deletePod({})
    expect(story).toEqual(answered)
    expect(exit).toBe(0)
    expect(between('hook-start', 'sigterm')).toBeGreaterThan(295)
    expect(output.filter((line) => line.startsWith('hook'))).toHaveLength(1)
  })

  test('gets SIGTERM just the same when its hook has answered 500', async () => {
    const { story, between } = await deletePod({ env: { HOOK: '500' } })
    expect(story).toEqual(answered)
    expect(between('hook-start', 'sigterm')).toBeGreaterThan(295)
  })

  test('is waited for at the end of a redirect on the same host, on the same socket and with a Referer', async () => {
    const { story, between, output } = await deletePod({ env: { HOOK: 'redirect' } })
    expect(story).toEqual(answered)
    expect(between('hook-start', 'sigterm')).toBeGreaterThan(295)
    const [first, second] = output.filter((line) => line.startsWith('hook')).map((line) => line.split(' '))
    expect([first?.[1], second?.[1]]).toEqual(['/prestop', '/elsewhere'])
    expect(second?.[2]).toBe(first?.[2])
    expect(second?.[3]).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/prestop$/)
  })

  test('is not followed to another host: the redirect counts as success', async () => {
    const { story, output } = await deletePod({ env: { HOOK: 'redirect-away' } })
    expect(story).toEqual(answered)
    expect(output.filter((line) => line.startsWith('hook'))).toHaveLength(1)
  })

  test('that destroys the socket of its hook is reported, not asked again, and gets SIGTERM', async () => {
    const { story, output, exit } = await deletePod({ env: { HOOK: 'destroy' } })
    expect(story).toEqual(['pod-deleted', 'hook-start', 'hook-failed', 'hook-end', 'sigterm'])
    expect(output.filter((line) => line.startsWith('hook'))).toHaveLength(1)
    expect(exit).toBe(0)
  })

  test('that exits inside its hook is reported', async () => {
    const { story, exit } = await deletePod({ env: { HOOK: 'exit' } })
    expect(story.slice(0, 4)).toEqual(['pod-deleted', 'hook-start', 'hook-failed', 'hook-end'])
    expect(exit).toBe(4)
  })

  test('that never answers gets SIGTERM when the grace is spent, 2 s more, SIGKILL, and only then a report', async () => {
    const result = await deletePod({ env: { HOOK: 'never', IGNORE_SIGTERM: '1' }, grace: 1 })
    expect(result.story).toEqual(['pod-deleted', 'hook-start', 'hook-end', 'sigterm', 'sigkill', 'hook-failed'])
    expect(result.happenings).toContainEqual(expect.objectContaining({ type: 'hook-end', outcome: 'cut' }))
    expect(result.graceSeconds).toBe(2)
    expect(result.between('sigterm', 'sigkill')).toBeGreaterThan(1990)
    expect(result.exit).toBe('SIGKILL')
  })

  test('whose answer never ends is waited for as if it never answered, but not reported', async () => {
    const { story, graceSeconds, between } = await deletePod({ env: { HOOK: 'endless' }, grace: 1 })
    expect(story).toEqual(answered)
    expect(graceSeconds).toBe(2)
    expect(between('hook-start', 'sigterm')).toBeGreaterThan(990)
  })

  test('that ignores SIGTERM is killed when what the hook left of the grace is over', async () => {
    const env = { HOOK_MS: '1100', IGNORE_SIGTERM: '1' }
    const { story, graceSeconds, exit, between } = await deletePod({ env, grace: 4 })
    expect(story).toEqual([...answered, 'sigkill'])
    // The hook's 1.1 s, or more on a busy machine, count as whole seconds. The kubelet leaves at least 2 s.
    const left = Math.max(2, 4 - Math.floor(between('hook-start', 'hook-end') / 1000))
    expect(graceSeconds).toBe(left)
    expect(between('sigterm', 'sigkill')).toBeGreaterThan(left * 1000 - 10)
    expect(exit).toBe('SIGKILL')
  })

  test('without a hook gets SIGTERM at once and the whole grace; probes go on until it is dead', async () => {
    const { story, graceSeconds, output } = await deletePod({ env: { IGNORE_SIGTERM: '1' }, grace: 3, preStop: null })
    expect(story).toEqual(['pod-deleted', 'sigterm', 'sigkill'])
    expect(graceSeconds).toBe(3)
    expect(output.slice(output.indexOf('sigterm')).filter((line) => line === 'probe').length).toBeGreaterThan(1)
  })

  test('is probed during its hook', async () => {
    const { output } = await deletePod({ env: { HOOK_MS: '1500' } })
    const hook = output.findIndex((line) => line.startsWith('hook'))
    expect(output.slice(hook, output.indexOf('sigterm'))).toContain('probe')
  })

  // Half a second from the next whole one, because the test and the kubelet read the clock at different moments.
  test.each([1.4, 2.4])('has used up the whole seconds of its hook, which slept %d s', async (seconds) => {
    const { graceSeconds, between } = await deletePod({ preStop: { sleep: { seconds } }, grace: 60 })
    expect(graceSeconds).toBe(60 - Math.floor(between('hook-start', 'hook-end') / 1000))
    expect(graceSeconds).toBeLessThanOrEqual(60 - Math.floor(seconds))
  })

  test('with a sleep hook gets SIGTERM after the sleep', async () => {
    const { story, between } = await deletePod({ preStop: { sleep: { seconds: 0.3 } } })
    expect(story).toEqual(answered)
    expect(between('hook-start', 'sigterm')).toBeGreaterThan(295)
  })
})
