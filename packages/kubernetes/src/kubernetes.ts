import { networkInterfaces } from 'node:os'
import type { Drain } from '@podrain/core'
import { Api, ApiError } from './api.js'
import { inCluster, type KubeConfigLike } from './config.js'
import { Endpoints } from './endpoints.js'
import { type KubernetesOptions, resolve, type Settings } from './options.js'
import { tellOutcome } from './outcome-event.js'
import { OwnPod } from './own-pod.js'
import { Reflector } from './reflector.js'
import { Report } from './report.js'
import { missingRule, type Need } from './rules.js'
import { Slices } from './slices.js'

/** What runs beside a drain until it ends. */
export interface Kubernetes {
  /** Ends it: nothing is left behind. The drain goes on without. */
  stop(): void
}

/**
 * Tells a drain what the cluster knows: that the pod is deleted and how much time it has, and whether EndpointSlices still list
 * it; and tells the cluster how busy it is, if asked to. Whatever the API does, no drain waits for it.
 *
 * @example
 * const app = express()
 * const podrain = drain()
 * app.use(podrain)
 * kubernetes(podrain.drain)
 *
 * @throws {TypeError | RangeError} for a bad option; nothing else is ever thrown, only logged
 */
export function kubernetes(drain: Drain, options: KubernetesOptions = {}): Kubernetes {
  if (typeof drain?.settledWhen !== 'function') {
    throw new TypeError(
      'Expected a Drain from @podrain/core: `app.drain` with Fastify, `podrain.drain` with Express and Koa',
    )
  }
  const settings = resolve(options, drain.times)
  const stops: (() => void)[] = []
  let stopped = false
  const stop = (): void => {
    stopped = true
    drain.off('report', stop)
    for (const each of stops.splice(0)) each()
  }
  drain.once('report', stop)
  if (settings.kubeConfig) {
    stops.push(follow(drain, settings, settings.kubeConfig))
  } else if (process.env.KUBERNETES_SERVICE_HOST) {
    void inCluster()
      .then((config) => stopped || stops.push(follow(drain, settings, config)))
      .catch((error) => drain.logger.error(`kubernetes: ${error.message}; the drain goes on without`))
  } else {
    drain.logger.info(
      'kubernetes: not in a cluster (KUBERNETES_SERVICE_HOST is not set), so there is nothing to follow',
    )
  }
  return { stop }
}

/** @returns what ends it */
function follow(drain: Drain, settings: Settings, config: KubeConfigLike): () => void {
  const { pod: name, namespace, services, settleAfter } = settings
  const { clock, logger } = drain
  const api = new Api(config, clock)
  const complaints = new Complaints(drain, namespace)
  const pod = new OwnPod(drain, name)
  const stops = [() => api.stop()]

  let changed = (): void => {}
  const podReflector = new Reflector({
    api,
    clock,
    path: `/api/v1/namespaces/${namespace}/pods`,
    query: { fieldSelector: `metadata.name=${name}` },
    onList() {
      let found = pod.uid !== undefined
      return {
        page(items, now) {
          for (const item of items) pod.see(item, now)
          found ||= pod.uid !== undefined
          changed()
        },
        end() {
          if (!found) complaints.absent(name)
        },
      }
    },
    onEvent(event, now) {
      pod.hear(event, now)
      changed()
    },
    onSteady: () => complaints.works('pod'),
    onFailure: (error) => complaints.failed('pod', error),
  })

  if (services !== false) {
    const slices = new Slices({ name, namespace, addresses: ownAddresses(), uid: () => pod.uid })
    const sliceReflector = new Reflector({
      api,
      clock,
      path: `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`,
      query: { labelSelector: ofServices(services) },
      onList() {
        const listing = slices.listing()
        return {
          page: listing.page,
          end() {
            listing.end()
            changed()
          },
        }
      },
      onEvent(event) {
        if (event.type === 'BOOKMARK') return
        slices.hear(event)
        changed()
      },
      onSteady: () => complaints.works('slices'),
      onFailure: (error) => complaints.failed('slices', error),
    })
    const endpoints = new Endpoints({
      drain,
      pod,
      slices,
      settleAfter,
      async ask(limit) {
        const names = slices.services
        await sliceReflector.list({ labelSelector: ofServices(names) }, slices.listing(names), limit)
        endpoints.changed()
      },
    })
    changed = () => endpoints.changed()
    const onState = (state: string): void => {
      if (state === 'draining') endpoints.begin()
    }
    drain.on('state', onState)
    stops.push(
      drain.settledWhen(endpoints.settled),
      () => drain.off('state', onState),
      () => endpoints.stop(),
      () => sliceReflector.stop(),
    )
    if (drain.state === 'draining') endpoints.begin()
    void sliceReflector.run()
  }

  stops.push(() => podReflector.stop())
  void podReflector.run()

  if (settings.report) {
    const report = new Report({
      drain,
      ...settings.report,
      async write(annotations) {
        // With its uid: the next pod of a StatefulSet has the same name, and its own annotations.
        await api.patch(`/api/v1/namespaces/${namespace}/pods/${name}`, { metadata: { uid: pod.uid, annotations } })
        complaints.works('report')
      },
      onFailure(error) {
        complaints.failed('report', error as Error)
        return error instanceof ApiError ? error.retryAfter : 0
      },
    })
    report.start()
    stops.push(() => report.stop())
  }
  if (settings.events) stops.push(tellOutcome({ drain, config, pod, name, namespace, events: settings.events }))
  logger.info(
    `kubernetes: following pod ${name} in namespace ${namespace}${services === false ? '' : ' and its EndpointSlices'}`,
  )
  return () => {
    for (const stop of stops.toReversed()) stop()
  }
}

function ownAddresses(): Set<string> {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return new Set(all.filter(({ internal }) => !internal).map(({ address }) => address))
}

function ofServices(names: readonly string[]): string {
  return names.length === 0 ? 'kubernetes.io/service-name' : `kubernetes.io/service-name in (${names.join(',')})`
}

/** Says each thing once, until it has worked again. */
class Complaints {
  readonly #drain: Drain
  readonly #namespace: string
  readonly #said = new Map<Need, Set<string>>()
  #absent = false

  constructor(drain: Drain, namespace: string) {
    this.#drain = drain
    this.#namespace = namespace
  }

  works(need: Need): void {
    if (this.#said.delete(need)) this.#drain.logger.info(`kubernetes: ${subjects[need]}: works again`)
  }

  failed(need: Need, error: Error): void {
    const status = error instanceof ApiError ? error.status : undefined
    // The API forgets old versions, and ends watches: that is its way.
    if (status === 410 || status === 0) return
    if (status === 403) this.#once(need, '403', missingRule(need, this.#namespace))
    else {
      const what = `${error.message}; trying again, and draining without it meanwhile`
      this.#once(need, 'other', `kubernetes: ${subjects[need]}: ${what}`)
    }
  }

  /** There is no pod of that name. */
  absent(name: string): void {
    if (this.#absent) return
    this.#absent = true
    const where = `there is no ${name} in namespace ${this.#namespace}: set POD_NAME and POD_NAMESPACE`
    this.#drain.logger.warn(`kubernetes: ${subjects.pod}: ${where}`)
  }

  #once(need: Need, kind: string, line: string): void {
    const said = this.#said.get(need) ?? new Set()
    if (said.has(kind)) return
    this.#said.set(need, said.add(kind))
    this.#drain.logger.warn(line)
  }
}

const subjects: Readonly<Record<Need, string>> = {
  pod: 'the own pod',
  slices: 'EndpointSlices',
  report: 'the annotations',
}
