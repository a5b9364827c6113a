import { fits, type Home, homeOf, meantBy } from '../objects/home.js'
import { type Inspection, inspectionsOf, type UnknownKey } from '../objects/inspection.js'
import { podsOf } from '../objects/pod.js'
import type { Resource } from '../objects/resource.js'
import { type Complaint, escapePointer, namesIn, newest } from '../objects/schema.js'
import { addTo } from '../shared/lists.js'
import { nearest } from '../shared/nearest.js'
import { isOlder } from '../shared/version.js'
import { moveEntry, renameKey, replaceText, replaceValue } from '../text/edits.js'
import { lookalikeIn } from '../text/lookalikes.js'
import type { Place } from '../text/place.js'
import { isFilledIn, mayBeFilledIn } from '../text/placeholder.js'
import type { World } from '../world/world.js'
import type { Problem } from './problem.js'
import { refusedIn } from './refused.js'
import type { Rule } from './rule.js'
import { tooNewIn } from './too-new.js'

const found = new WeakMap<Resource, readonly Problem[]>()

function problemsOf(resource: Resource, kubernetes: string | undefined): readonly Problem[] {
  let problems = found.get(resource)
  if (problems === undefined) {
    problems = look(resource, kubernetes)
    found.set(resource, problems)
  }
  return problems
}

function look(resource: Resource, kubernetes: string | undefined): readonly Problem[] {
  const inspected = inspectionsOf(resource).flatMap((inspection) => problemsIn(inspection, resource, kubernetes))
  // What stands at the wrong level, and is judged as if it stood at the right one.
  const misplaced =
    resource.written === undefined
      ? []
      : look(resource.written, kubernetes).filter(({ rule }) => rule === 'misplaced-key')
  return [...misplaced, ...inspected, ...refusedIn(resource), ...tooNewIn(resource, kubernetes)]
}

interface Located extends Problem {
  readonly pointer: string
}

function problemsIn(inspection: Inspection, resource: Resource, kubernetes: string | undefined): Located[] {
  const { root, complaints, unknown, mayBeNewer } = inspection
  const pods = podsOf(resource)
  const isWhole = pods.every((pod) => pod.isWhole)
  // Beside the pod's keys, a kind that is not known may have its own, such as `timeoutSeconds` of Knative.
  const hasOwn = pods.some((pod) => !pod.isOfKnownKind)
  const problems = [
    ...byHome(unknown, hasOwn).flatMap(({ key, home, others }): Located[] => {
      const problem =
        home === undefined ? misspelt(key, resource, mayBeNewer, kubernetes) : misplaced(key, home, others, resource)
      return problem === undefined ? [] : [{ ...problem, pointer: `${key.pointer}/${escapePointer(key.key)}` }]
    }),
    ...complaintsIn(root, complaints, isWhole, pods.length === 0),
  ]
  if (!mayBeNewer) return problems
  // What had to be there may have become a choice.
  return problems.map((problem) => {
    return {
      ...problem,
      details: { ...problem.details, severity: problem.rule === 'missing-key' ? 'info' : 'warning' },
    }
  })
}

interface AtHome {
  readonly key: UnknownKey
  /** Where it belongs, if it stands at the wrong level. */
  readonly home: Home | undefined
  /** Keys beside it that belong there, too, where nothing is written yet. */
  readonly others: readonly string[]
}

/** Keys that are not known, with where they belong; all that is missing one holder in common is one mistake. */
function byHome(unknown: readonly UnknownKey[], hasOwn: boolean): AtHome[] {
  const all = unknown.map((key) => ({ key, home: hasOwn || meantBy(key) !== undefined ? undefined : homeOf(key) }))
  return all.flatMap(({ key, home }, index): AtHome[] => {
    if (home === undefined || home.exists) return [{ key, home, others: [] }]
    const same = all.filter((each) => each.key.pointer === key.pointer && each.home?.path === home.path)
    const isFirst = all.findIndex((each) => same.includes(each)) === index
    return isFirst ? [{ key, home, others: same.slice(1).map((each) => each.key.key) }] : []
  })
}

const strict =
  'The API server refuses the key from kubectl, and drops it silently from a client without strict validation'

function whereIs({ root, pointer }: UnknownKey, resource: Resource): string {
  const { path } = root.get(...namesIn(pointer))
  return path === '' ? `The kind ${resource.kind}` : `\`${path}\``
}

function misplaced(unknown: UnknownKey, home: Home, others: readonly string[], resource: Resource): Problem {
  const { root, pointer, key } = unknown
  const place = root.get(...namesIn(pointer), key)
  const keys = [key, ...others].map((each) => `\`${each}\``)
  const list = keys.length === 1 ? keys[0] : `${keys.slice(0, -1).join(', ')} and ${keys.at(-1)}`
  const message = `${whereIs(unknown, resource)} has no key \`${key}\`: ${keys.length === 1 ? 'it belongs' : `${list} belong`} under \`${home.path}\`, ${home.levels}. ${strict}`
  const to = home.exists && home.pointer !== undefined ? root.get(...namesIn(home.pointer)) : undefined
  const edits = to !== undefined && fits(unknown, key, home.pointer) ? moveEntry(place, to) : undefined
  const fix = `Move ${keys.length === 1 ? 'it' : 'them'} to \`${home.path}\``
  return { rule: 'misplaced-key', place, message, details: { fix, edits } }
}

/** Keys that came after the schemas that are at hand. Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ */
const cameIn: ReadonlyMap<string, string> = new Map([['evictionResponders', '1.37']])

/** Where all keys are few and old: what is unknown there is no news. */
const settled = /\/(lifecycle(\/(preStop|postStart)(\/\w+)?)?|(liveness|readiness|startup)Probe(\/\w+)?)$/

function misspelt(
  unknown: UnknownKey,
  resource: Resource,
  mayBeNewer: boolean,
  kubernetes: string | undefined,
): Problem | undefined {
  const { root, pointer, keys, key } = unknown
  const place = root.get(...namesIn(pointer), key)
  const where = whereIs(unknown, resource)
  const lookalike = lookalikeIn(key)
  if (lookalike !== undefined) {
    const message = `${where} has no key \`${key}\`. ${strict}`
    return { rule: 'unknown-key', place, message, details: { fix: lookalike } }
  }
  const meant = meantBy(unknown)
  const isFit = meant !== undefined && fits(unknown, meant)
  // Their schemas are older than what runs: what they do not know may be new.
  if (mayBeNewer && !isFit) return undefined
  if (meant !== undefined) {
    const outcome = mayBeNewer
      ? `Unless the cluster knows a newer ${resource.kind}, the API server refuses or drops the key`
      : strict
    const message = `${where} has no key \`${key}\`; did you mean \`${meant}\`? ${outcome}`
    const edits = isFit ? renameKey(place, meant) : undefined
    return { rule: 'unknown-key', place, message, details: { fix: `Write \`${meant}\``, edits } }
  }
  const since = cameIn.get(key)
  if (since !== undefined && kubernetes !== undefined && !isOlder(kubernetes, since)) return undefined
  const isOfThatVersion = kubernetes !== undefined && !isOlder(newest, kubernetes)
  if (isOfThatVersion || settled.test(pointer)) {
    const message = `${where} has no key \`${key}\`${isOfThatVersion ? ` in Kubernetes ${kubernetes}` : ''}. ${strict}`
    const choice = keys.size > 12 ? '' : `, or write one of ${[...keys].sort().join(', ')}`
    return { rule: 'unknown-key', place, message, details: { fix: `Remove it${choice}` } }
  }
  const message = since
    ? `${where} has a key \`${key}\` since Kubernetes ${since}: unless your cluster is that new, the API server refuses or drops the key`
    : `${where} has no key \`${key}\` in Kubernetes ${newest}: unless your cluster is newer, the API server refuses or drops the key`
  return {
    rule: 'unknown-key',
    place,
    message,
    details: { fix: 'Remove it, unless your cluster is newer', severity: 'warning' },
  }
}

function complaintsIn(root: Place, complaints: readonly Complaint[], isWhole: boolean, mayBePatch: boolean): Located[] {
  const problems: Located[] = []
  const byPointer = new Map<string, Complaint[]>()
  for (const complaint of complaints) {
    addTo(byPointer, complaint.instancePath, complaint)
  }
  for (const [pointer, all] of byPointer) {
    const place = root.get(...namesIn(pointer))
    if (isFilledIn(place.text)) continue
    // Nothing is as good as left out: the API server fills in the default, or an empty text in a map of texts. So is an empty word
    // where there is a choice of words: `protocol: ""` is TCP. Only `pathType` has no default.
    const isThere = place.value !== null
    const values = all.filter(
      ({ keyword }) => keyword === 'enum' && isThere && (place.value !== '' || place.name === 'pathType'),
    )
    const types = all.filter(({ keyword }) => keyword === 'type' && isThere)
    if (all.some(({ params }) => params.format === 'quantity')) problems.push({ ...noQuantity(place), pointer })
    else if (types.length > 0) problems.push({ ...wrongType(place, types), pointer })
    else if (values.length > 0) problems.push({ ...wrongValue(place, values), pointer })
    for (const { keyword, params } of all) {
      // In a patch, the rest is somewhere else.
      if (keyword !== 'required' || !isWhole) continue
      const missing = String(params.missingProperty)
      problems.push({
        rule: 'missing-key',
        place,
        message: `${place.path === '' ? 'The object' : `\`${place.path}\``} needs \`${missing}\``,
        // An autoscaler without `scaleTargetRef` may be a patch of one that has it.
        details:
          mayBePatch && ['', '/spec'].includes(pointer)
            ? { severity: 'warning', fix: `Add \`${missing}\`, unless this is a patch` }
            : { fix: `Add \`${missing}\`` },
        pointer,
      })
    }
  }
  return problems
}

function wrongType(place: Place, complaints: readonly Complaint[]): Problem {
  const expected = [...new Set(complaints.map(({ params }) => String(params.type)))]
    .filter((type) => type !== 'null')
    .map((type) => (type === 'array' ? 'list' : type))
  const { value } = place
  const isNumber = expected.includes('integer') || expected.includes('number')
  // To YAML `010` is 8.
  const unquoted = isNumber && typeof value === 'string' && /^(0|[1-9]\d*)$/.test(value)
  const wanted = expected.includes('string') && (typeof value === 'number' || typeof value === 'boolean')
  const source = place.manifest.source.text.slice(...(place.valueRange ?? [0, 0]))
  const lookalike = typeof value === 'string' ? lookalikeIn(value) : undefined
  const edits = unquoted ? replaceValue(place, value) : wanted ? replaceValue(place, `"${source}"`) : undefined
  return {
    rule: 'wrong-type',
    place,
    message: `\`${place.path}\` has to be ${withArticle(expected.join(' or '))}, got ${shown(value, source)}`,
    details: {
      ...(lookalike !== undefined && { fix: lookalike }),
      ...(unquoted && { fix: `Without quotes: ${value}` }),
      ...(wanted && { fix: `In quotes: "${source}"` }),
      // `containerPort: PORT`, where a pipeline puts a number in: as it stands it is refused, but it will not stay so.
      ...((isNumber || expected.includes('boolean')) &&
        mayBeFilledIn(place.text) && {
          severity: 'warning',
          fix: `Write ${isNumber ? 'a number' : '`true` or `false`'}, unless a pipeline fills it in`,
        }),
      ...(place.name === 'command' && typeof value === 'string' && { fix: `As a list: ${asCommand(value)}` }),
      edits,
    },
  }
}

/** A program and its arguments; what has spaces or more was meant for a shell. */
function asCommand(text: string): string {
  return /[\s;&|<>$`]/.test(text) ? `["sh", "-c", ${JSON.stringify(text)}]` : JSON.stringify([text])
}

function noQuantity(place: Place): Problem {
  return {
    rule: 'wrong-value',
    place,
    message: `\`${place.path}\` has to be a quantity, got ${shown(place.value, '')}`,
    details: { fix: 'Write a number, with or without a suffix: 500m, 2, 128Mi, 1.5G' },
  }
}

function wrongValue(place: Place, complaints: readonly Complaint[]): Problem {
  const allowed = complaints.flatMap(({ params }) => (params.allowedValues ?? []) as unknown[]).map(String)
  const { text } = place
  const meant = text === undefined ? undefined : nearest(text, allowed)
  return {
    rule: 'wrong-value',
    place,
    message: `\`${place.path}\` has to be ${allowed.length === 1 ? allowed[0] : `one of ${allowed.join(', ')}`}, got ${shown(place.value, '')}`,
    details: {
      ...(meant !== undefined && { fix: `Write ${meant}`, edits: replaceText(place, meant) }),
      // `PULL_POLICY`; but `HTTP` is meant.
      ...(/[_(]/.test(text ?? '') &&
        mayBeFilledIn(text) && { severity: 'warning', fix: 'Write one of these, unless a pipeline fills it in' }),
    },
  }
}

function shown(value: unknown, source: string): string {
  if (typeof value === 'string') return `the string "${value.length > 60 ? `${value.slice(0, 60)}…` : value}"`
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return value === null || value === undefined ? 'nothing' : `${typeof value} ${source || String(value)}`
}

function withArticle(words: string): string {
  return `${/^[aeiou]/.test(words) ? 'an' : 'a'} ${words}`
}

function of(rule: Problem['rule']): Rule['check'] {
  return (world, report) => {
    for (const resource of world.resources) {
      for (const problem of problemsOf(resource, world.facts.kubernetes)) {
        if (problem.rule === rule) report(problem.place, problem.message, problem.details)
      }
    }
  }
}

const unknownKeyRule: Rule = {
  id: 'unknown-key',
  severity: 'error',
  severityReason:
    'The API server refuses the object under strict validation, and drops the key otherwise. A key that a newer cluster may know is a warning.',
  title: 'A key that Kubernetes does not know, most often a misspelt one',
  why: 'A hook under `prestop` is no hook. The API server refuses an unknown key if the client asks for strict validation, as kubectl does by default. For any other client the API server drops the key, and the deploy succeeds without it. With `--kubernetes 1.28` lint also reports keys that came with a later version, such as `sleep` in a hook (1.29).',
  check: of('unknown-key'),
}

const misplacedKey: Rule = {
  id: 'misplaced-key',
  severity: 'error',
  severityReason: 'The API server refuses the object under strict validation, and drops the key otherwise.',
  title: 'A key at the wrong level',
  why: '`terminationGracePeriodSeconds` in a container, or `lifecycle` in the pod’s spec, is an unknown key: the API server refuses or drops it. If it is dropped, the pod has a grace period of 30 s and no hook. The finding says where the key belongs, by the schema of Kubernetes.',
  check: of('misplaced-key'),
}

const wrongTypeRule: Rule = {
  id: 'wrong-type',
  severity: 'error',
  severityReason: 'The API server refuses the object. A placeholder that a pipeline may fill in is a warning.',
  title: 'A value of the wrong type',
  why: 'The API server refuses the object, in the middle of a deploy. Most often the value is a number in quotes (`periodSeconds: "5"`, `port: "8080"`), or a variable without quotes (`value: 8080`).',
  check: of('wrong-type'),
}

const wrongValueRule: Rule = {
  id: 'wrong-value',
  severity: 'error',
  severityReason: 'The API server refuses the object.',
  title: 'A value that is not allowed, or not together with another value',
  why: 'The API server refuses the object: `type: Rolling` is not `RollingUpdate`, `scheme: https` is not `HTTPS`, and `rollingUpdate` is not allowed with `type: Recreate`.',
  check: of('wrong-value'),
}

const missingKey: Rule = {
  id: 'missing-key',
  severity: 'error',
  severityReason:
    'The API server refuses the object. A key that is missing at the top of an object may be in the base of a patch: a warning.',
  title: 'A required key that is missing',
  why: 'The API server refuses the object. lint reports nothing for a patch, because the rest of the object is in another file.',
  check: of('missing-key'),
}

const duplicateKey: Rule = {
  id: 'duplicate-key',
  severity: 'error',
  severityReason: 'A strict YAML parser refuses the file. Any other parser drops one of the two.',
  title: 'The same key twice in one map',
  why: 'kubectl uses the last of the two and drops the first silently: a second `lifecycle` at the end of a container removes the hook. A strict parser, such as that of kustomize, refuses the file.',
  check(world, report) {
    for (const { place } of world.resources) doubles(place, report)
  },
}

function doubles(place: Place, report: Parameters<Rule['check']>[1], depth = 0): void {
  if (depth > 60 || place.shared) return
  const seen = new Map<string, Place>()
  for (const [name, entry] of place.entries) {
    const first = seen.get(name)
    if (first !== undefined && name !== '<<' && name !== '?' && !name.startsWith('Symbol(')) {
      const { line } = first.manifest.at(first.range[0])
      report(entry, `\`${name}\` is also in line ${line}: kubectl uses only this one`, {
        fix: 'Merge the two, or remove one',
      })
    }
    seen.set(name, entry)
    doubles(entry, report, depth + 1)
  }
  for (const item of place.items) doubles(item, report, depth + 1)
}

/** What has been removed, and what is there instead. Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/ */
const removedIn: Readonly<Record<string, readonly [release: string, now: string]>> = {
  'extensions/v1beta1 Deployment': ['1.16', 'apps/v1'],
  'extensions/v1beta1 DaemonSet': ['1.16', 'apps/v1'],
  'extensions/v1beta1 ReplicaSet': ['1.16', 'apps/v1'],
  'extensions/v1beta1 Ingress': ['1.22', 'networking.k8s.io/v1'],
  'networking.k8s.io/v1beta1 Ingress': ['1.22', 'networking.k8s.io/v1'],
  'apps/v1beta1 Deployment': ['1.16', 'apps/v1'],
  'apps/v1beta2 Deployment': ['1.16', 'apps/v1'],
  'apps/v1beta1 StatefulSet': ['1.16', 'apps/v1'],
  'apps/v1beta2 StatefulSet': ['1.16', 'apps/v1'],
  'apps/v1beta2 DaemonSet': ['1.16', 'apps/v1'],
  'apps/v1beta2 ReplicaSet': ['1.16', 'apps/v1'],
  'batch/v1beta1 CronJob': ['1.25', 'batch/v1'],
  'batch/v2alpha1 CronJob': ['1.21', 'batch/v1'],
  'policy/v1beta1 PodDisruptionBudget': ['1.25', 'policy/v1'],
  'autoscaling/v2beta1 HorizontalPodAutoscaler': ['1.25', 'autoscaling/v2'],
  'autoscaling/v2beta2 HorizontalPodAutoscaler': ['1.26', 'autoscaling/v2'],
}

const removedApi: Rule = {
  id: 'removed-api',
  severity: 'error',
  severityReason: 'A cluster of that version, or of a newer one, does not know the object.',
  title: 'An API version that Kubernetes has removed',
  why: 'The cluster does not know the object: the deploy fails, or a PodDisruptionBudget that should protect the pods does not exist. For an older cluster (`--kubernetes 1.24`) the finding is an info.',
  check({ resources, facts: { kubernetes } }: World, report) {
    for (const { apiVersion, kind, place } of resources) {
      const [release, now] = removedIn[`${apiVersion} ${kind}`] ?? []
      if (release === undefined) continue
      const fix = `Write \`apiVersion: ${now}\`, and check that its fields are the same`
      const isThere = kubernetes !== undefined && isOlder(kubernetes, release)
      if (isThere) {
        const message = `Kubernetes ${release} removes ${kind} from ${apiVersion}: its version is then ${now}`
        report(place.get('apiVersion'), message, { fix, severity: 'info' })
      } else {
        report(
          place.get('apiVersion'),
          `Kubernetes ${release} removed ${kind} from ${apiVersion}: its version is now ${now}`,
          {
            fix,
          },
        )
      }
    }
  },
}

export const schemaRules: readonly Rule[] = [
  unknownKeyRule,
  misplacedKey,
  wrongTypeRule,
  wrongValueRule,
  missingKey,
  duplicateKey,
  removedApi,
]
