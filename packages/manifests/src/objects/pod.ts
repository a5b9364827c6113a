import { presets } from '../shared/budget.js'
import type { Place } from '../text/place.js'
import { Environment } from './environment.js'
import { Hook } from './hook.js'
import { podSpecsIn } from './pod-spec.js'
import { type Resource, textOf, textsOf } from './resource.js'

/** The probes that a container may have. */
export const probes = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const

/** The path of the pod template in each kind of object that creates pods. */
const templates: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
  Rollout: ['spec', 'template'],
  CloneSet: ['spec', 'template'],
  DeploymentConfig: ['spec', 'template'],
}

/** The kinds with a pod template. */
export const podKinds: readonly string[] = Object.keys(templates)

/** The API groups of these kinds. Other groups have kinds of the same names. */
const groups: Readonly<Record<string, readonly string[]>> = {
  Rollout: ['argoproj.io'],
  DeploymentConfig: ['apps.openshift.io', ''],
  CloneSet: ['apps.kruise.io'],
  StatefulSet: ['apps', 'apps.kruise.io'],
  DaemonSet: ['apps', 'apps.kruise.io', 'extensions'],
  Deployment: ['apps', 'extensions'],
  ReplicaSet: ['apps', 'extensions'],
  Job: ['batch'],
  CronJob: ['batch'],
}

/** The path of the pod template in an object; undefined if the kind creates no pods, or is unknown. */
export function templateOf(resource: Resource): readonly string[] | undefined {
  const way = templates[resource.kind]
  const known = groups[resource.kind]
  if (way === undefined) return undefined
  // A fragment may leave the version out.
  if (resource.apiVersion === '') return way
  return (known ?? ['']).includes(resource.group) ? way : undefined
}

/** The paths of all pod templates in an object; in one of an unknown kind, those of maps with containers. */
export function templatesOf(resource: Resource): ReadonlyArray<readonly (string | number)[]> {
  const known = templateOf(resource)
  if (known !== undefined) return [known]
  // If the map is called `spec`, the map that contains it is the template.
  return podSpecsIn(resource).map((way) => (way.length > 1 && way.at(-1) === 'spec' ? way.slice(0, -1) : way))
}

/** Every pod template of an object. */
export function podsOf(resource: Resource): Pod[] {
  return templatesOf(resource).map((way) => new Pod(resource, way))
}

/** A container of a pod. */
export class Container {
  readonly pod: Pod
  readonly place: Place
  /** Whether it is one of the initContainers. */
  readonly init: boolean
  readonly environment: Environment
  #hook: Hook | undefined

  constructor(pod: Pod, place: Place, init: boolean) {
    this.pod = pod
    this.place = place
    this.init = init
    this.environment = new Environment(place)
  }

  get name(): string {
    const { parent, name } = this.place
    return this.place.get('name').text ?? `${parent?.name}[${name}]`
  }

  get image(): string | undefined {
    return this.place.get('image').text
  }

  /** A native sidecar: started before the others, ended after them. */
  get isSidecar(): boolean {
    return this.init && this.place.get('restartPolicy').text === 'Always'
  }

  get hook(): Hook | undefined {
    const place = this.place.get('lifecycle', 'preStop')
    if (!place.exists || place.value === null) return undefined
    this.#hook ??= new Hook(place, (name) => this.environment.text(name))
    return this.#hook
  }

  /** Whether the app uses podrain, as far as the manifest shows. */
  get isPodrain(): boolean {
    return this.hook?.isPodrain === true || this.pod.annotation('podrain/container') === this.name
  }

  get ports(): readonly Place[] {
    return this.place.get('ports').items
  }

  /** `command` and `args` with variables replaced; undefined without `command`, because the image decides then what is started. */
  get command(): readonly string[] | undefined {
    const command = this.place.get('command').texts
    if (command.length === 0) return undefined
    return [...command, ...this.place.get('args').texts].map((word) => this.environment.expand(word))
  }

  /** The same; or `args` alone, which the entrypoint of most images executes. */
  get started(): { readonly words: readonly string[]; readonly place: Place } | undefined {
    const { command } = this
    if (command !== undefined) return { words: command, place: this.place.get('command') }
    const args = this.place.get('args')
    const words = args.texts.map((word) => this.environment.expand(word))
    return words.length === 0 ? undefined : { words, place: args }
  }

  /** Whether `ports` lists a port that is given by name or by number. */
  hasPort({ text, number }: Place): boolean {
    return this.ports.some(
      (port) =>
        (text !== undefined && port.get('name').text === text) ||
        (number !== undefined && port.get('containerPort').number === number),
    )
  }

  /** The number of a port that is given by number or by name; undefined if this container has none of that name. */
  portNumber(port: Place): number | undefined {
    if (port.number !== undefined) return port.number
    if (port.text === undefined) return undefined
    if (/^\d+$/.test(port.text)) return Number(port.text)
    return this.ports.find((each) => each.get('name').text === port.text)?.get('containerPort').number
  }

  /** The entry of an environment variable; the last one if there are several. */
  env(name: string): Place | undefined {
    return this.environment.get(name)
  }
}

/** A pod, or a pod template. */
export class Pod {
  readonly resource: Resource
  readonly template: Place
  readonly spec: Place
  readonly containers: readonly Container[]
  readonly initContainers: readonly Container[]
  /** Whether the kind is known, and so how it creates and replaces pods. */
  readonly isOfKnownKind: boolean
  #labels: Readonly<Record<string, string>> | undefined

  constructor(resource: Resource, way: readonly (string | number)[]) {
    this.resource = resource
    this.isOfKnownKind = templateOf(resource) !== undefined
    this.template = resource.get(...way)
    const spec = this.template.get('spec')
    this.spec = this.isOfKnownKind || spec.get('containers').exists ? spec : this.template
    this.containers = this.spec.get('containers').items.map((place) => new Container(this, place, false))
    this.initContainers = this.spec.get('initContainers').items.map((place) => new Container(this, place, true))
  }

  get kind(): string {
    return this.resource.kind
  }

  /** Containers that run as long as the pod, native sidecars included. */
  get running(): readonly Container[] {
    return [...this.containers, ...this.initContainers.filter(({ isSidecar }) => isSidecar)]
  }

  get gracePlace(): Place {
    return this.spec.get('terminationGracePeriodSeconds')
  }

  /** `terminationGracePeriodSeconds`, or Kubernetes' default of 30; undefined if the files do not show it. */
  get grace(): number | undefined {
    if (this.gracePlace.exists) return this.gracePlace.number
    return this.isWhole ? 30 : undefined
  }

  /** The grace period as a clause for messages. */
  get graceText(): string {
    return this.gracePlace.number === undefined
      ? 'the grace period is 30 s (the default)'
      : `\`terminationGracePeriodSeconds\` is ${this.grace}`
  }

  /** An annotation of the pod, or else of the object that creates it. */
  annotation(name: string): string | undefined {
    return textOf(this.annotationPlace(name))
  }

  /** The place of such an annotation. */
  annotationPlace(name: string): Place {
    const own = this.template.get('metadata', 'annotations', name)
    return own.exists ? own : this.resource.get('metadata', 'annotations', name)
  }

  label(name: string): string | undefined {
    return textOf(this.template.get('metadata', 'labels', name))
  }

  get labels(): Readonly<Record<string, string>> {
    this.#labels ??= textsOf(this.template.get('metadata', 'labels'))
    return this.#labels
  }

  /** Whether the pod ends by itself. For an unknown kind this is guessed from the restart policy and names. */
  get isJob(): boolean {
    if (this.isOfKnownKind) return this.kind === 'Job' || this.kind === 'CronJob'
    const isOnce = ['Never', 'OnFailure'].includes(this.spec.get('restartPolicy').text ?? '')
    return isOnce || /job|task|run|workflow|pipeline|backup|test/i.test(`${this.kind} ${this.template.path}`)
  }

  get isPodrain(): boolean {
    return this.containers.some(({ isPodrain }) => isPodrain)
  }

  get hostNetwork(): boolean {
    return this.spec.get('hostNetwork').value === true
  }

  /** The names of the PersistentVolumeClaims that the pod shares with the other pods of its workload. */
  get claims(): readonly string[] {
    return this.spec.get('volumes').items.flatMap((volume) => {
      const name = volume.get('persistentVolumeClaim', 'claimName').text
      return name === undefined ? [] : [name]
    })
  }

  /** Whether the pod writes to a disk that only one node can mount, or to a directory of its node: other pods see other data, or write to the same. */
  get hasOwnDisk(): boolean {
    const written = this.containers.flatMap(({ place }) =>
      place.get('volumeMounts').items.filter((mount) => mount.get('readOnly').value !== true),
    )
    const names = new Set(written.map((mount) => mount.get('name').text))
    return this.spec.get('volumes').items.some((volume) => {
      const directory = volume.get('hostPath', 'path').text
      const isOwn = directory === undefined ? disks.some((disk) => volume.get(disk).exists) : !ofSystem.test(directory)
      return isOwn && names.has(volume.get('name').text)
    })
  }

  /**
   * Whether the object is complete, not a patch: every container has an image, and a workload that selects its pods by labels has
   * labels. A field that is missing in a patch does not have its default. A pod of an unknown kind is never complete, because its
   * controller may add anything.
   */
  get isWhole(): boolean {
    if (!this.isOfKnownKind) return false
    const { containers } = this
    const isFound = this.#isLabelled || !['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'].includes(this.kind)
    return isFound && containers.length > 0 && containers.every(({ image }) => image !== undefined)
  }

  get #isLabelled(): boolean {
    return this.resource.get('spec', 'selector').exists || Object.keys(this.labels).length > 0
  }

  /** `replicas`, or Kubernetes' default of 1; undefined for kinds without replicas, and if the files do not show it. */
  get replicas(): number | undefined {
    if (!this.isOfKnownKind || this.isJob || this.kind === 'Pod' || this.kind === 'DaemonSet') return undefined
    const place = this.resource.get('spec', 'replicas')
    return place.exists ? place.number : this.isWhole ? 1 : undefined
  }

  /** The update strategy; its field depends on the kind. */
  get strategy(): Place {
    return this.resource.get('spec', this.kind === 'Deployment' ? 'strategy' : 'updateStrategy')
  }
}

/** Volumes that only one node can mount: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes */
const disks = [
  'awsElasticBlockStore',
  'azureDisk',
  'cinder',
  'fc',
  'gcePersistentDisk',
  'iscsi',
  'rbd',
  'vsphereVolume',
]

/** Directories of a node with the node's own state, not a pod's. */
const ofSystem =
  /^\/(dev|etc|lib|proc|run|sys|usr|boot|var\/(run|log|lib\/(docker|kubelet|containerd|containers)))(\/|$)|^\/$|\.sock$/

/** Whether the text is the name of a preset. */
export function isBehind(text: string | undefined): text is keyof typeof presets {
  return text !== undefined && Object.hasOwn(presets, text)
}
