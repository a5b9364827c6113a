import { existsSync } from 'node:fs'

/** Every page that is written by hand, in the order of the sidebar. The text of an entry is the heading of its page. */
export const sections: ReadonlyArray<{ readonly text: string; readonly pages: readonly string[] }> = [
  {
    text: 'Start',
    pages: [
      'start/index',
      'start/rehearse',
      'start/manifest',
      'start/what-happens',
      'start/existing',
      'start/before-the-release',
    ],
  },
  {
    text: 'Guides',
    pages: [
      'guides/fastify',
      'guides/express',
      'guides/koa',
      'guides/node-http',
      'guides/nestjs',
      'guides/auto',
      'guides/web-frameworks',
      'guides/processes',
      'guides/streams',
      'guides/queues',
      'guides/databases',
      'guides/http-clients',
      'guides/telemetry',
      'guides/development',
      'guides/tests',
      'guides/ci',
      'guides/platforms',
    ],
  },
  {
    text: 'Operate',
    pages: [
      'operate/index',
      'operate/symptoms',
      'operate/runbook',
      'operate/load-balancers',
      'operate/hooks',
      'operate/first-deploy',
      'operate/after',
      'operate/defaults',
      'operate/policies',
      'operate/cluster',
      'operate/evictions',
      'operate/security',
      'operate/cost',
    ],
  },
  {
    text: 'Understand',
    pages: ['understand/how-a-pod-ends', 'understand/budgets', 'understand/lifecycle', 'design'],
  },
  {
    text: 'Reference',
    pages: [
      'reference/options',
      'reference/drain',
      'reference/endpoints',
      'reference/events',
      'reference/metrics',
      'reference/log-lines',
      'reference/errors',
      'reference/cli',
      'reference/rehearsal',
      'reference/requests',
      'reference/lint',
    ],
  },
  {
    text: 'Proof',
    pages: [
      'proof/index',
      'proof/contract',
      'proof/peers',
      'proof/frameworks',
      'proof/benchmarks',
      'proof/faithfulness',
      'proof/rehearsal-scale',
      'proof/kubernetes-cost',
      'proof/mutation',
      'proof/scenarios',
    ],
  },
]

/** Pages of the list that nobody has written. A test wants none; until then the site is built without them. */
export const missing: readonly string[] = sections
  .flatMap(({ pages }) => pages)
  .filter((page) => !existsSync(new URL(`../${page}.md`, import.meta.url)))
