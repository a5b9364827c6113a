import type { DrainTimes } from '@podrain/core'
import { type Container, type Pod, probes } from '../objects/pod.js'
import { read } from '../read/reading.js'
import { rules } from '../rules/index.js'
import type { Report, Rule } from '../rules/rule.js'
import { seconds, sumOf } from '../shared/budget.js'
import type { Place } from '../text/place.js'
import type { Source } from '../text/source.js'
import { variableFor } from '../world/balancer.js'
import type { World } from '../world/world.js'
import { againstId } from './ignores.js'
import { judge, type LintOptions, type LintResult } from './lint.js'

/** The app cannot be compared with the manifest, for the reason in the message. */
export class AgainstError extends Error {}

/** Options of {@link lintAgainst}. */
export interface AgainstOptions extends LintOptions {
  /** The address of the running app's `/drainz`, such as `http://localhost:8080/drainz`. */
  readonly url: string
  /** The app's token, if it requires one. @default undefined: no token is sent */
  readonly token?: string
  /** The workload of the app, such as `Deployment/web`. Required if the files have several with podrain. */
  readonly resource?: string
}

/** The rule of the findings of {@link lintAgainst}. It needs a running app, so it is not in `rules`. */
export const againstRule: Omit<Rule, 'check'> = {
  id: againstId,
  severity: 'error',
  severityReason:
    'The manifest and the running app differ, and both are known. A difference that may be intended is a warning.',
  title: 'The manifest and the running app differ',
  why: 'Most lost requests come from two times that do not fit together: one in the manifest, one in the app.',
}

/**
 * Lints manifests, and compares them with a running app. It sends GET to `/drainz`, and HEAD, which never drains, to the paths of
 * the hook and the probes. Each request may take 10 s.
 * @throws AgainstError if no podrain answers at `url`, or if the files have no pod with podrain, or several.
 */
export async function lintAgainst(sources: readonly Source[], options: AgainstOptions): Promise<LintResult> {
  const { url, token } = options
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const times = await timesOf(url, headers)
  const reading = read(sources, options)
  const containers = meant(
    reading.worlds.flatMap(({ pods }) => pods),
    options.resource,
  )
  const paths = new Set(containers.flatMap((each) => asked(each).map(({ path }) => path)))
  const answers = await ask(url, paths, headers)
  const check: Rule['check'] = (world, report) => {
    for (const container of containers.filter(({ pod }) => world.pods.includes(pod))) {
      compareTimes(container, times, world, report)
      comparePaths(container, answers, report)
      comparePort(container, url, report)
    }
  }
  return judge(reading, options, [...rules, { ...againstRule, check }])
}

/** The containers with podrain of one workload. If a base and its build both have the workload, those of both. */
function meant(pods: readonly Pod[], resource: string | undefined): readonly Container[] {
  const all = pods.flatMap(({ containers }) => containers.find(({ isPodrain }) => isPodrain) ?? [])
  const labelOf = ({ pod }: Container) => pod.resource.label
  const labels = [...new Set(all.map(labelOf))]
  const found = resource === undefined ? all : all.filter((each) => labelOf(each) === resource)
  if (found.length === 0) {
    throw new AgainstError(
      `--against: no container with a hook of podrain${resource === undefined ? '' : ` in ${resource}`} in these files${labels.length === 0 ? '' : `; there is one in ${labels.join(', ')}`}`,
    )
  }
  if (new Set(found.map(labelOf)).size > 1) {
    throw new AgainstError(`--against: which of ${labels.join(', ')} is it? Say --resource`)
  }
  return found
}

async function timesOf(url: string, headers: Record<string, string>): Promise<DrainTimes> {
  let response: Response
  let body: unknown
  try {
    response = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(10_000) })
    body = await response.json().catch(() => undefined)
  } catch (error) {
    const { cause, message } = error as Error & { cause?: Error }
    throw new AgainstError(`--against: ${url}: ${cause?.message ?? message}`)
  }
  const { times } = (body ?? {}) as { times?: DrainTimes }
  if (response.status !== 200 || typeof times?.gracePeriod !== 'number') {
    throw new AgainstError(
      `--against: ${url} is no /drainz of podrain (status ${response.status}). Does the app want a token (--token), or is it another path?`,
    )
  }
  return times
}

/** The requests of the kubelet: the hook, and the probes on the hook's port. The URL shows nothing about other ports. */
function asked(container: Container): Array<{ who: string; place: Place; path: string }> {
  const { hook, place } = container
  const portOf = (handler: Place) => container.portNumber(handler.get('httpGet', 'port'))
  const port = hook?.handler === 'httpGet' ? portOf(hook.place) : undefined
  const handlers = [
    ...(hook === undefined ? [] : [{ who: 'hook', handler: hook.place }]),
    ...probes.map((who) => ({ who, handler: place.get(who) })),
  ]
  return handlers.flatMap(({ who, handler }) => {
    const at = handler.get('httpGet', 'path')
    const isHere = port === undefined || portOf(handler) === port
    return at.text === undefined || !isHere ? [] : [{ who, place: at, path: at.text }]
  })
}

/** The status of each path; a path without a response is missing. */
async function ask(
  url: string,
  paths: ReadonlySet<string>,
  headers: Record<string, string>,
): Promise<ReadonlyMap<string, number>> {
  const answers = new Map<string, number>()
  await Promise.all(
    [...paths].map(async (path) => {
      const signal = AbortSignal.timeout(10_000)
      const response = await fetch(new URL(path, url), { method: 'HEAD', headers, redirect: 'manual', signal }).catch(
        () => undefined,
      )
      if (response !== undefined) answers.set(path, response.status)
    }),
  )
  return answers
}

function compareTimes(container: Container, times: DrainTimes, world: World, report: Report): void {
  const { pod } = container
  const at = pod.gracePlace.exists ? pod.gracePlace : pod.spec
  if (pod.grace === undefined) return
  const grace = pod.grace * 1000
  const { gracePeriod, reserve, closing, settle } = times
  if (gracePeriod > grace) {
    report(
      at,
      `The app assumes ${seconds(gracePeriod)}, but ${pod.graceText}: SIGKILL comes ${seconds(gracePeriod - grace)} before the end of the drain`,
      { fix: `\`terminationGracePeriodSeconds\` in the app: ${pod.grace}, or in the manifest: ${gracePeriod / 1000}` },
    )
  } else if (gracePeriod < grace) {
    report(
      at,
      `The app assumes ${seconds(gracePeriod)}, but ${pod.graceText}: it cuts requests ${seconds(grace - gracePeriod)} early`,
      { severity: 'warning', fix: `TERMINATION_GRACE_PERIOD_SECONDS: "${pod.grace}"` },
    )
  }
  if (times.balancers === false) return // it runs outside of a cluster, and would wait in one
  const request = world.facts.longestRequest ?? 0
  const { sum, total } = sumOf({ settle: settle.min, request, closing, reserve })
  if (request > 0 && total > grace) {
    report(at, `The app needs ${sum}, but ${pod.graceText}`, {
      severity: 'warning',
      fix: `terminationGracePeriodSeconds: ${Math.ceil(total / 1000)}, the same in the app`,
    })
  }
  const balancer = world.balancerOf(pod)
  const { name, because, settle: needed } = balancer
  if (because !== undefined && settle.min < needed) {
    report(
      container.place,
      `The app waits ${seconds(settle.min)} (${settle.explicit ? '`settle.min`' : `behind '${times.behind}'`}), but ${name} needs ${seconds(needed)} to stop routing to the pod: ${because}`,
      { severity: 'warning', fix: variableFor(balancer, settle.explicit) },
    )
  }
}

function comparePaths(container: Container, answers: ReadonlyMap<string, number>, report: Report): void {
  for (const { who, place, path } of asked(container)) {
    const status = answers.get(path)
    if (status === undefined) continue
    if (who !== 'hook') {
      if (status !== 404) continue
      report(place, `The app has nothing at \`${path}\` (404): the ${who} fails`, {
        fix: 'Write the path that the app has',
      })
    } else if (status !== 405) {
      // podrain answers HEAD with 405, and does not drain.
      report(
        place,
        `The app has no hook at \`${path}\`: it answers HEAD with ${status}, and podrain would answer 405`,
        {
          fix: 'Write the path in the app’s option `endpoints.prestop`, /prestop by default; or give lint the token, or the control port',
        },
      )
    }
  }
}

function comparePort({ ports, place }: Container, url: string, report: Report): void {
  const { hostname, port, protocol } = new URL(url)
  const asked = Number(port || (protocol === 'https:' ? 443 : 80))
  const listed = ports.map((each) => each.get('containerPort').number)
  // With a port forward to this machine, the port may be any.
  if (/^(localhost|127\.|\[::1\])/.test(hostname) || listed.length === 0 || listed.includes(asked)) return
  report(place.get('ports'), `The app answers on port ${asked}, but the container lists only ${listed.join(', ')}`, {
    severity: 'warning',
    fix: `containerPort: ${asked}`,
  })
}
