import type { KnownOptions } from '../plan/options.js'
import type { RehearsalEvent } from '../timeline/events.js'

/**
 * What a rehearsal has shown:
 *
 * - `clean`: nothing was lost.
 * - `lost`: something was.
 * - `not trustworthy`: this machine was too busy to play a cluster; what was lost, or not, says nothing about the app.
 * - `cut short`: nothing was lost until it ended before its time.
 */
export type Verdict = 'clean' | 'lost' | 'not trustworthy' | 'cut short'

/** Why nobody should trust what a rehearsal has shown; empty when there is nothing against it. */
export function doubtsOf(events: readonly RehearsalEvent[], plan: KnownOptions): string[] {
  const end = events.find((event) => event.type === 'load-end')
  if (end?.type !== 'load-end') return []
  const probe = (plan.readinessProbe?.timeoutSeconds ?? 1) * 1000
  const doubts: string[] = []
  if (end.heldUpMs !== null && end.heldUpMs >= probe) {
    doubts.push(
      `This machine was too busy: the kubelet could do nothing for ${end.heldUpMs} ms, and a readiness probe fails after ${probe} ms. Rehearse with fewer clients, or a \`rate\`.`,
    )
  }
  if (end.loadHeldUpMs >= probe) {
    doubts.push(
      `This machine was too busy: the clients could do nothing for ${end.loadHeldUpMs} ms, and learned so much later where not to go. Rehearse with fewer clients, or a \`rate\`.`,
    )
  }
  return doubts
}

/** Puts it in one word. */
export function verdictOf(lost: number, doubts: readonly string[], incomplete: string | null): Verdict {
  if (doubts.length > 0) return 'not trustworthy'
  if (lost > 0) return 'lost'
  return incomplete === null ? 'clean' : 'cut short'
}
