import type { Inputs } from '../.vitepress/theme/budgets/calculation.js'

/** What people may type into the calculator. */
export const inputs: ReadonlyArray<[name: string, inputs: Inputs]> = [
  ['nothing at all', { platform: 'kubernetes' }],
  ['a preset and a grace period that has room for it', { platform: 'kubernetes', behind: 'aws-alb', graceSeconds: 60 }],
  ['a preset that the default grace period has no room for', { platform: 'kubernetes', behind: 'aws-nlb' }],
  ['a short grace period', { platform: 'kubernetes', graceSeconds: 10 }],
  ['a grace period that nothing fits into', { platform: 'kubernetes', graceSeconds: 1 }],
  ['a wait of its own', { platform: 'kubernetes', behind: 'envoy', min: 20_000, quiet: 500 }],
  ['a quiet time that is longer than the wait', { platform: 'kubernetes', quiet: 30_000 }],
  [
    'every time',
    { platform: 'kubernetes', graceSeconds: 20, min: 3000, quiet: 200, closing: 2500, reserve: 500, keepAliveCap: 0 },
  ],
  ['no reserve and no time to close', { platform: 'kubernetes', graceSeconds: 6, closing: 0, reserve: 0 }],
  ['another platform', { platform: 'nomad' }],
  ['another platform, and a preset that it has no room for', { platform: 'fly', behind: 'ingress-nginx' }],
  ['a platform that tells no load balancer', { platform: 'systemd' }],
  ['a laptop', { platform: 'none' }],
  ['a longest request that fits', { platform: 'kubernetes', longestRequestSeconds: 19 }],
  ['a longest request that does not fit', { platform: 'kubernetes', longestRequestSeconds: 30 }],
]
