import { keptBack, seconds } from './budget.js'
import { type LintOptions, type LintResult, lintWith } from './lint.js'
import type { Container, Pod } from './pod.js'
import type { Report, Rule } from './rule.js'
import { rules } from './rules/index.js'
import type { Source } from './source.js'

/** What an app says of itself at `/drainz`. */
interface Status {
  readonly state: string
  readonly budgetMs: number
}

/** The app cannot be compared with the manifest. */
export class AgainstError extends Error {}

export interface AgainstOptions extends LintOptions {
  /** Of the running app: `http://localhost:8080/drainz`. */
  readonly url: string
  /** If the app wants one. */
  readonly token?: string
  /** Which of several: `Deployment/web`. */
  readonly resource?: string
}

/**
 * Compares the manifest with the app that runs. It asks `/drainz`, and by HEAD, which never drains, whether there is
 * something at the paths of hook and probes.
 * @throws AgainstError if there is no such app, or the files have no pod or several with podrain
 */
export async function lintAgainst(sources: readonly Source[], options: AgainstOptions): Promise<LintResult> {
  const { url, token, resource } = options
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const status = await drainz(url, headers)
  let found: { container: Container; pod: Pod } | undefined
  const pick: Rule['check'] = (world) => {
    const all = world.pods.flatMap((pod) =>
      pod.containers.filter(({ isPodrain }) => isPodrain).map((container) => ({ pod, container })),
    )
    const meant = resource === undefined ? all : all.filter(({ pod }) => pod.resource.label === resource)
    const labels = [...new Set(all.map(({ pod }) => pod.resource.label))].join(', ')
    if (meant.length === 0)
      throw new AgainstError(
        `--against: no container with a hook of podrain${resource === undefined ? '' : ` in ${resource}`} in these files${labels === '' ? '' : `; there is one in ${labels}`}`,
      )
    if (meant.length > 1) throw new AgainstError(`--against: which of ${labels} is it? Say --resource`)
    found = meant[0]
  }
  lintWith(sources, options, [{ id: 'against', severity: 'error', title: '', why: '', check: pick }])
  if (found === undefined) throw new AgainstError('--against: nothing to compare with')
  const answers = await ask(url, pathsOf(found.container), headers)
  const againstRule: Rule = {
    id: 'against',
    severity: 'error',
    title: 'The manifest and the app that runs do not agree',
    why: '',
    check: (world, report) => {
      const label = found?.pod.resource.label
      for (const pod of world.pods) {
        const container = pod.containers.find(({ isPodrain }) => isPodrain)
        if (pod.resource.label === label && container !== undefined)
          compare(container, { status, url, answers }, report)
      }
    },
  }
  return lintWith(sources, options, [...rules, againstRule])
}

async function drainz(url: string, headers: Record<string, string>): Promise<Status> {
  let response: Response
  let body: unknown
  try {
    response = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(10_000) })
    body = await response.json().catch(() => undefined)
  } catch (error) {
    const { cause, message } = error as Error & { cause?: Error }
    throw new AgainstError(`--against: ${url}: ${cause?.message ?? message}`)
  }
  const { state, budgetMs } = (body ?? {}) as Partial<Status>
  if (response.status !== 200 || typeof state !== 'string' || typeof budgetMs !== 'number') {
    throw new AgainstError(
      `--against: ${url} is no /drainz of podrain (status ${response.status}). Does the app want a token (--token), or is it another path?`,
    )
  }
  return { state, budgetMs }
}

const probes = ['readinessProbe', 'livenessProbe', 'startupProbe'] as const

/** Paths that the kubelet will ask, on the port that the app listens on. */
function pathsOf(container: Container): string[] {
  const { hook } = container
  const places = [...(hook === undefined ? [] : [hook.place]), ...probes.map((name) => container.place.get(name))]
  return [...new Set(places.flatMap((place) => place.get('httpGet', 'path').text ?? []))]
}

/** The status of each; undefined if there was no answer. */
async function ask(
  url: string,
  paths: readonly string[],
  headers: Record<string, string>,
): Promise<Map<string, number | undefined>> {
  const answers = await Promise.all(
    paths.map(async (path) => {
      try {
        const { status } = await fetch(new URL(path, url), {
          method: 'HEAD',
          headers,
          redirect: 'manual',
          signal: AbortSignal.timeout(10_000),
        })
        return [path, status] as const
      } catch {
        return [path, undefined] as const
      }
    }),
  )
  return new Map(answers)
}

interface Running {
  readonly status: Status
  readonly url: string
  readonly answers: ReadonlyMap<string, number | undefined>
}

function compare(container: Container, { status, url, answers }: Running, report: Report): void {
  const { pod, hook } = container
  const grace = pod.grace * 1000
  const { reserve } = keptBack(pod.grace)
  const at = pod.gracePlace.exists ? pod.gracePlace : pod.spec
  // While it serves, that is the whole of it.
  if (status.state !== 'serving') {
    report(at, `The app is ${status.state}: what it has left of its grace period says nothing about the manifest`, {
      severity: 'info',
      fix: 'Ask one that serves',
    })
  } else if (status.budgetMs >= grace) {
    report(
      at,
      `The app takes ${seconds(status.budgetMs)} for its drain, but ${pod.graceText}: it is killed before it is done`,
      {
        fix: `\`terminationGracePeriodSeconds\` in the app: ${pod.grace}, or in the manifest: ${Math.ceil((status.budgetMs + reserve) / 1000)}`,
      },
    )
  } else if (status.budgetMs + reserve < grace) {
    report(
      at,
      `The app takes ${seconds(status.budgetMs)} for its drain; with the usual reserve of ${seconds(reserve)} it could take ${seconds(grace - reserve)}, as ${pod.graceText}`,
      {
        severity: 'warning',
        fix: `TERMINATION_GRACE_PERIOD_SECONDS: "${pod.grace}"`,
      },
    )
  }
  const hookPath = hook?.place.get('httpGet', 'path')
  const answer = hookPath?.text === undefined ? undefined : answers.get(hookPath.text)
  // podrain says 405 to HEAD, which drains nobody.
  if (hook !== undefined && hookPath?.text !== undefined && answer !== undefined && answer !== 405) {
    report(
      hookPath,
      `The app has no hook at \`${hookPath.text}\`: HEAD is answered with ${answer}, and podrain would say 405`,
      {
        fix: 'The path that the app’s option `endpoints.prestop` says, /prestop by default; or a token, or a control port',
      },
    )
  }
  for (const name of probes) {
    const path = container.place.get(name, 'httpGet', 'path')
    const status = path.text === undefined ? undefined : answers.get(path.text)
    if (status === undefined || status !== 404) continue
    report(path, `The app has nothing at \`${path.text}\` (404): the ${name} fails`, {
      fix: 'The path that the app has',
    })
  }
  const port = Number(new URL(url).port || 80)
  const listed = container.ports.map((each) => each.get('containerPort').number)
  const isForwarded = /^(localhost|127\.|\[::1\])/.test(new URL(url).hostname)
  if (!isForwarded && listed.length > 0 && !listed.includes(port)) {
    report(
      container.place.get('ports'),
      `The app answers on port ${port}, and the container lists ${listed.join(', ')}`,
      { severity: 'warning', fix: `containerPort: ${port}` },
    )
  }
}
