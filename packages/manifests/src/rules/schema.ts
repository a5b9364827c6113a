import { isMap } from 'yaml'
import { Pod, templateOf } from '../objects/pod.js'
import type { Resource } from '../objects/resource.js'
import {
  type Complaint,
  consult,
  escapePointer,
  namesIn,
  podTemplateSchema,
  type Schema,
  schemaOf,
} from '../objects/schema.js'
import { nearest } from '../shared/nearest.js'
import { moveEntry, renameKey, replaceText, replaceValue } from '../text/edits.js'
import { keyOf, type Place } from '../text/place.js'
import type { World } from '../world/world.js'
import type { Problem } from './problem.js'
import { refusedIn } from './refused.js'
import type { Rule } from './rule.js'

/** Objects that have to do with how pods end. A mistake in a ConfigMap is somebody else's business. */
const concerned = new Set(['Service', 'Ingress', 'PodDisruptionBudget', 'HorizontalPodAutoscaler', 'ScaledObject'])

/** Of which the schema at hand may be older than what runs. */
const custom = new Set(['Rollout', 'CloneSet', 'ScaledObject'])

/** The Kubernetes whose schema it is. */
const version = '1.33'

const found = new WeakMap<Resource, readonly Problem[]>()

function problemsOf(resource: Resource): readonly Problem[] {
  let problems = found.get(resource)
  if (problems === undefined) {
    problems = look(resource)
    found.set(resource, problems)
  }
  return problems
}

function look(resource: Resource): readonly Problem[] {
  const way = templateOf(resource)
  if (way === undefined && !(concerned.has(resource.kind) && resource.apiVersion !== '')) return []
  const isCustom = custom.has(resource.kind)
  const schema = schemaOf(resource)
  const problems: Problem[] = []
  if (schema !== undefined) {
    const inTemplate = (pointer: string) => isCustom && pointer.startsWith('/spec/template')
    problems.push(...problemsIn(resource.place, resource, schema, isCustom).filter((each) => !inTemplate(each.pointer)))
  }
  // A fragment says no version, and a custom resource knows an old pod, if any: the pod is looked at for itself.
  const template = podTemplateSchema()
  if (way !== undefined && (schema === undefined || isCustom) && template !== undefined) {
    const place = resource.get(...way)
    if (isMap(place.node)) problems.push(...problemsIn(place, resource, template, false))
  }
  return [...problems, ...refusedIn(resource)]
}

interface Located extends Problem {
  readonly pointer: string
}

function problemsIn(root: Place, resource: Resource, schema: Schema, isCustom: boolean): Located[] {
  const { value } = root
  const { complaints, known } = consult(schema, value)
  const problems: Located[] = []
  for (const [pointer, keys] of known) {
    const place = root.get(...namesIn(pointer))
    if (!isMap(place.node)) continue
    for (const pair of place.node.items) {
      const key = keyOf(pair)
      if (
        keys.has(key) ||
        key === '<<' ||
        key.startsWith('$') ||
        typeof pair.key === 'symbol' ||
        key.startsWith('Symbol(')
      )
        continue
      // What kubectl and controllers write, and every object may have.
      if (pointer === '' && key === 'status') continue
      const unknown = unknownKey({ root, resource, schema, value, known, pointer, keys, key, isCustom })
      if (unknown !== undefined) problems.push({ ...unknown, pointer: `${pointer}/${escapePointer(key)}` })
    }
  }
  const isWhole = templateOf(resource) === undefined || new Pod(resource, templateOf(resource) ?? []).isWhole
  problems.push(...complaintsIn(root, complaints, isWhole))
  return problems
}

interface Unknown {
  readonly root: Place
  readonly resource: Resource
  readonly schema: Schema
  readonly value: unknown
  readonly known: ReadonlyMap<string, ReadonlySet<string>>
  readonly pointer: string
  readonly keys: ReadonlySet<string>
  readonly key: string
  readonly isCustom: boolean
}

function unknownKey(unknown: Unknown): Problem | undefined {
  const { root, resource, pointer, keys, key, isCustom } = unknown
  const holder = root.get(...namesIn(pointer))
  const place = holder.get(key)
  const where = holder.path === '' ? `a ${resource.kind}` : `\`${holder.path}\``
  const strict =
    'kubectl is refused; from a client that does not ask for strict validation it is dropped without a word.'
  const meant = nearest(key, keys)
  if (meant !== undefined && !holder.get(meant).exists) {
    const message = `${where} has no key \`${key}\`; did you mean \`${meant}\`? ${strict}`
    return {
      rule: 'unknown-key',
      place,
      message,
      details: { fix: `Write \`${meant}\``, edits: fits(unknown, meant) ? renameKey(place, meant) : undefined },
    }
  }
  const home = homeOf(unknown)
  if (home !== undefined) {
    const message = `${where} has no key \`${key}\`: it belongs under \`${home.path}\`, ${home.levels}. ${strict}`
    const to = home.pointer === undefined ? undefined : root.get(...namesIn(home.pointer))
    const edits = to !== undefined && fits(unknown, key, home.pointer) ? moveEntry(place, to) : undefined
    return { rule: 'misplaced-key', place, message, details: { fix: `Move it to \`${home.path}\``, edits } }
  }
  // Their schemas are older than what runs: what they do not know may be new.
  if (isCustom) return undefined
  const message = `${where} has no key \`${key}\` in Kubernetes ${version}: unless your cluster is newer, it is refused or dropped`
  return {
    rule: 'unknown-key',
    place,
    message,
    details: { fix: 'Remove it, if your cluster is not newer', severity: 'warning' },
  }
}

/** Whether the schema has nothing against the value under that key, there or elsewhere: `port: 80` is not `ports`. */
function fits({ schema, value, pointer, key }: Unknown, name: string, at: string = pointer): boolean {
  const copy = structuredClone(value)
  const [holder, home] = [itemAt(copy, pointer), itemAt(copy, at)]
  if (holder === undefined || home === undefined || (at !== pointer && name in home)) return false
  home[name] = holder[key]
  const there = `${at}/${escapePointer(name)}`
  return !consult(schema, copy).complaints.some(
    ({ instancePath }) => instancePath === there || instancePath.startsWith(`${there}/`),
  )
}

function itemAt(value: unknown, pointer: string): Record<string, unknown> | undefined {
  const item = namesIn(pointer).reduce<unknown>((each, name) => (each as Record<string, unknown>)?.[name], value)
  return typeof item === 'object' && item !== null ? (item as Record<string, unknown>) : undefined
}

/** Keys that so many objects have that where one belongs cannot be told. */
const everywhere = new Set([
  'name',
  'type',
  'kind',
  'metadata',
  'spec',
  'labels',
  'annotations',
  'key',
  'value',
  'path',
  'host',
])

interface Home {
  readonly path: string
  readonly levels: string
  /** If it is there, and the only one of its kind: with two containers nobody knows which is meant. */
  readonly pointer?: string
}

/** The nearest place where the schema knows a key. */
function homeOf(unknown: Unknown): Home | undefined {
  const { root, known, pointer, key } = unknown
  if (everywhere.has(key)) return undefined
  const homes = [...known].flatMap(([each, keys]) => (each !== pointer && keys.has(key) ? [each] : []))
  // Of two as near, the one further out: people write too far in more often than not far enough.
  const [found] = homes.sort(
    (one, other) => levels(pointer, one) - levels(pointer, other) || levelOf(one) - levelOf(other),
  )
  const nearest = found ?? newHomeOf(unknown)
  if (nearest === undefined || far(pointer, nearest) > 5) return undefined
  const shape = (each: string) => each.replace(/\/\d+(?=\/|$)/g, '/#')
  const isOnly = found !== undefined && homes.filter((each) => shape(each) === shape(found)).length === 1
  return {
    path: pathOf(root, nearest),
    levels: levelsBetween(pointer, nearest),
    ...(isOnly && { pointer: nearest }),
  }
}

/** The same in what is not written yet: `preStop` in a container that has no `lifecycle`. */
function newHomeOf({ schema, value, pointer, keys, key }: Unknown): string | undefined {
  for (const child of keys) {
    for (const shape of [{}, [{}]]) {
      const copy = structuredClone(value)
      const holder = itemAt(copy, pointer)
      if (holder === undefined || child in holder) break
      holder[child] = shape
      const at = `${pointer}/${escapePointer(child)}`
      const { known } = consult(schema, copy)
      if (known.get(at)?.has(key)) return at
      if (known.get(`${at}/0`)?.has(key)) return `${at}/0`
    }
  }
  return undefined
}

/** Steps from one pointer to the other. */
function far(one: string, other: string): number {
  const [first, second] = [one.split('/'), other.split('/')]
  const shared = sharedSteps(first, second)
  return first.length - shared + (second.length - shared)
}

function sharedSteps(one: readonly string[], other: readonly string[]): number {
  const different = one.findIndex((step, index) => step !== other[index])
  return different === -1 ? one.length : different
}

function levelsBetween(from: string, to: string): string {
  const [here, there] = [levelOf(from), levelOf(to)]
  if (sharedSteps(from.split('/'), to.split('/')) < Math.min(from.split('/').length, to.split('/').length)) {
    return 'elsewhere'
  }
  const levels = Math.abs(here - there)
  return `${levels} ${levels === 1 ? 'level' : 'levels'} ${there > here ? 'further in' : 'up'}`
}

/** Steps without those to items of lists. */
function levels(one: string, other: string): number {
  const shared = levelOf(
    one
      .split('/')
      .slice(0, sharedSteps(one.split('/'), other.split('/')))
      .join('/'),
  )
  return levelOf(one) - shared + (levelOf(other) - shared)
}

/** Depth without the numbers of items. */
function levelOf(pointer: string): number {
  return namesIn(pointer).filter((name) => typeof name === 'string').length
}

function pathOf(root: Place, pointer: string): string {
  const inside = namesIn(pointer).reduce<string>(
    (path, name) => (typeof name === 'number' ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`),
    root.path,
  )
  return inside === '' ? 'the top' : inside
}

function complaintsIn(root: Place, complaints: readonly Complaint[], isWhole: boolean): Located[] {
  const problems: Located[] = []
  const byPointer = new Map<string, Complaint[]>()
  for (const complaint of complaints) {
    byPointer.set(complaint.instancePath, [...(byPointer.get(complaint.instancePath) ?? []), complaint])
  }
  for (const [pointer, all] of byPointer) {
    const place = root.get(...namesIn(pointer))
    if (isFilledIn(place)) continue
    // Nothing is as good as left out, and the API server fills in the default.
    const values = all.filter(({ keyword }) => keyword === 'enum' && place.value !== null)
    const types = all.filter(({ keyword }) => keyword === 'type')
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
        message: `${place.path === '' ? 'It' : `\`${place.path}\``} needs \`${missing}\``,
        details: { fix: `Add \`${missing}\`` },
        pointer,
      })
    }
  }
  return problems
}

/** Whether envsubst, Flux or a pipeline puts the value in before Kubernetes sees it: `${REPLICAS:=2}`. */
function isFilledIn(place: Place): boolean {
  return place.text?.includes('${') === true
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
  const edits = unquoted ? replaceValue(place, value) : wanted ? replaceValue(place, `"${source}"`) : undefined
  return {
    rule: 'wrong-type',
    place,
    message: `\`${place.path}\` has to be ${withArticle(expected.join(' or '))}, got ${shown(value, source)}`,
    details: {
      ...(unquoted && { fix: `Without quotes: ${value}` }),
      ...(wanted && { fix: `In quotes: "${source}"` }),
      // `containerPort: PORT`, where a pipeline puts a number in: as it stands it is refused, but it will not stay so.
      ...(isNumber &&
        /^_*[A-Z][A-Z0-9_]*$/.test(place.text ?? '') && {
          severity: 'warning',
          fix: 'A number, if nothing fills it in',
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
    message: `\`${place.path}\` is no quantity, got ${shown(place.value, '')}`,
    details: { fix: 'A number, with a suffix if need be: 500m, 2, 128Mi, 1.5G' },
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
      for (const problem of problemsOf(resource)) {
        if (problem.rule === rule) report(problem.place, problem.message, problem.details)
      }
    }
  }
}

const unknownKeyRule: Rule = {
  id: 'unknown-key',
  severity: 'error',
  severe: 'Refused by strict validation, else dropped. What a newer cluster may know is a warning.',
  title: 'A key that Kubernetes does not know, most often a misspelt one',
  why: 'A hook under `prestop` is no hook. The API server refuses it where the client asks for strict validation, as kubectl does by default. For any other client it drops the key, and the deploy succeeds without it.',
  check: of('unknown-key'),
}

const misplacedKey: Rule = {
  id: 'misplaced-key',
  severity: 'error',
  severe: 'Refused by strict validation, else dropped.',
  title: 'A key that stands at the wrong level',
  why: '`terminationGracePeriodSeconds` in a container, or `lifecycle` in the pod’s spec, is refused or dropped, like any unknown key. Where it is dropped, the pod gets 30 s and no hook. The schema says where the key belongs.',
  check: of('misplaced-key'),
}

const wrongTypeRule: Rule = {
  id: 'wrong-type',
  severity: 'error',
  severe: 'Refused. A placeholder that something fills in later is a warning.',
  title: 'A value of the wrong type',
  why: 'The API server refuses it, in the middle of a deploy. Most often it is a number in quotes (`periodSeconds: "5"`, `port: "8080"`), or a variable without them (`value: 8080`).',
  check: of('wrong-type'),
}

const wrongValueRule: Rule = {
  id: 'wrong-value',
  severity: 'error',
  severe: 'Refused.',
  title: 'A value that is not allowed, or not beside another',
  why: 'The API server refuses it: `type: Rolling` is not `RollingUpdate`, `scheme: https` is not `HTTPS`, and `rollingUpdate` may not stand beside `type: Recreate`.',
  check: of('wrong-value'),
}

const missingKey: Rule = {
  id: 'missing-key',
  severity: 'error',
  severe: 'Refused.',
  title: 'A key that has to be there',
  why: 'The API server refuses the object. Nothing is reported for a patch, as the rest of it is somewhere else.',
  check: of('missing-key'),
}

const duplicateKey: Rule = {
  id: 'duplicate-key',
  severity: 'error',
  severe: 'Refused by strict readers; for the others one of the two is lost.',
  title: 'The same key twice in a map',
  why: 'kubectl takes the last one and drops the first without a word: a second `lifecycle`, added at the end of a container, takes the hook away. Stricter readers, such as kustomize, refuse the file.',
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
      report(entry, `\`${name}\` is there already, in line ${line}; only this one counts`, {
        fix: 'Merge the two, or remove one',
      })
    }
    seen.set(name, entry)
    doubles(entry, report, depth + 1)
  }
  for (const item of place.items) doubles(item, report, depth + 1)
}

/** What has been removed, and what is there instead. */
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
  severe: 'Such a cluster does not know the object.',
  title: 'An API version that Kubernetes has removed',
  why: 'The cluster does not know the object: the deploy fails, or a budget that should protect the pods is not there.',
  check(world: World, report) {
    for (const { apiVersion, kind, place } of world.resources) {
      const [release, now] = removedIn[`${apiVersion} ${kind}`] ?? []
      if (release === undefined) continue
      report(place.get('apiVersion'), `${apiVersion} has no ${kind} since Kubernetes ${release}; it is ${now} now`, {
        fix: `Write \`apiVersion: ${now}\`, and see whether the fields are still the same`,
      })
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
