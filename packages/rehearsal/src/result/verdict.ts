import type { KnownOptions } from '../plan/options.js'

/**
 * What a rehearsal has shown:
 *
 * - `clean`: nothing was lost.
 * - `lost`: something was.
 * - `not trustworthy`: this machine was too busy to play a cluster; what was lost, or not, says nothing about the app.
 * - `cut short`: nothing was lost until it ended before its time.
 */
export type Verdict = 'clean' | 'lost' | 'not trustworthy' | 'cut short'

/** How long those who play the cluster could do nothing at most, in ms; null where nobody can know. */
interface HeldUp {
  readonly heldUpMs: number | null
  readonly loadHeldUpMs: number
  readonly hopHeldUpMs: number | null
}

/** Why nobody should trust what a rehearsal has shown; empty when there is nothing against it. */
export function doubtsOf({ heldUpMs, loadHeldUpMs, hopHeldUpMs }: HeldUp, plan: KnownOptions): string[] {
  const probe = (plan.readinessProbe?.timeoutSeconds ?? 1) * 1000
  const held = [
    ['the kubelet', heldUpMs, `and a readiness probe fails after ${probe} ms`],
    ['the clients', loadHeldUpMs, 'and learned of changes that much later'],
    ['what stands between clients and pods', hopHeldUpMs, 'and forwarded no request meanwhile'],
  ] as const
  const tooLong = held.filter(([, ms]) => ms !== null && ms >= probe)
  return tooLong.map(([who, ms, and], index) => {
    const advice = index === tooLong.length - 1 ? ' Rehearse with fewer clients, or a `rate`.' : ''
    return `This machine was too busy: ${who} could do nothing for ${ms} ms, ${and}.${advice}`
  })
}

/** Puts it in one word. */
export function verdictOf(lost: number, doubts: readonly string[], incomplete: string | null): Verdict {
  if (doubts.length > 0) return 'not trustworthy'
  if (lost > 0) return 'lost'
  return incomplete === null ? 'clean' : 'cut short'
}
