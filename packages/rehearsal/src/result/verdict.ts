import type { KnownOptions } from '../plan/options.js'

/**
 * What a rehearsal has shown:
 *
 * - `clean`: no request was lost.
 * - `lost`: at least one request was lost.
 * - `inconclusive`: this machine was too busy to play a cluster, so the result says nothing about the app.
 * - `cut short`: no request was lost, but the rehearsal ended early.
 */
export type Verdict = 'clean' | 'lost' | 'inconclusive' | 'cut short'

/** The longest delays of the event loops that play the cluster, in ms; null: unknown, or there is none. */
interface HeldUp {
  readonly eventLoopDelayMs: number | null
  readonly loadEventLoopDelayMs: number
  readonly hopEventLoopDelayMs: number | null
}

/** Why the verdict is `inconclusive`, as sentences. Empty for other verdicts. A delay is too long if a readiness probe would fail in that time. */
export function warningsOf(
  { eventLoopDelayMs, loadEventLoopDelayMs, hopEventLoopDelayMs }: HeldUp,
  plan: KnownOptions,
): string[] {
  const probe = (plan.readinessProbe?.timeoutSeconds ?? 1) * 1000
  const held = [
    ['the kubelet', eventLoopDelayMs, `and a readiness probe fails after ${probe} ms`],
    ['the clients', loadEventLoopDelayMs, 'and learned of changes that much later'],
    ['the proxy between clients and pods', hopEventLoopDelayMs, 'and forwarded no request meanwhile'],
  ] as const
  const tooLong = held.filter(([, ms]) => ms !== null && ms >= probe)
  return tooLong.map(([who, ms, and], index) => {
    const advice = index === tooLong.length - 1 ? ' Rehearse with fewer clients, or a `rate`.' : ''
    return `This machine was too busy: ${who} could do nothing for ${ms} ms, ${and}.${advice}`
  })
}

export function verdictOf(lost: number, warnings: readonly string[], incomplete: string | null): Verdict {
  if (warnings.length > 0) return 'inconclusive'
  if (lost > 0) return 'lost'
  return incomplete === null ? 'clean' : 'cut short'
}
