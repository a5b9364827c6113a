import type { Drain } from '@podrain/core'
import { Api } from './api/api.js'
import { inCluster, type KubeConfigLike } from './api/config.js'
import { Pauses } from './api/pauses.js'
import { Watch } from './api/watch.js'
import { Complaints } from './complaints.js'
import { Endpoints } from './endpoints/endpoints.js'
import { Services } from './endpoints/services.js'
import { EvictionResponder } from './eviction/responder.js'
import { isName, type KubernetesOptions, resolve, type Settings } from './options.js'
import { tellOutcome } from './outcome-event.js'
import { OwnPod } from './pod/own-pod.js'
import { Report } from './report.js'

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
  const config = settings.kubeConfig ?? (process.env.KUBERNETES_SERVICE_HOST ? inCluster() : undefined)
  if (!config) {
    drain.logger.info(
      'kubernetes: not in a cluster (KUBERNETES_SERVICE_HOST is not set), so there is nothing to follow',
    )
    return { stop() {} }
  }
  const { pod, namespace } = settings
  if (!isName(pod) || !isName(namespace)) {
    drain.logger.warn(
      `kubernetes: pod "${pod}" in namespace "${namespace}" is not a valid name: set POD_NAME and POD_NAMESPACE; the drain goes on without the cluster`,
    )
    return { stop() {} }
  }
  const end = follow(drain, settings, config)
  const stop = (): void => {
    drain.off('report', stop)
    end()
  }
  drain.once('report', stop)
  return { stop }
}

/** @returns what ends it */
function follow(drain: Drain, settings: Settings, config: KubeConfigLike): () => void {
  const { pod: name, namespace, services, settleAfter, evictionResponder } = settings
  const { clock, logger } = drain
  const api = new Api(config, clock)
  const complaints = new Complaints(drain, namespace)
  const pod = new OwnPod(drain, name)
  const endpoints = services === false ? undefined : endpointsOf(services)
  const watch = new Watch({
    api,
    drain,
    path: `/api/v1/namespaces/${namespace}/pods`,
    selector: { fieldSelector: `metadata.name=${name}` },
    onEvent(event, now) {
      pod.hear(event, now)
      endpoints?.podChanged(pod.ready)
      evictions?.podChanged()
    },
    onSteady(told) {
      complaints.works('pod')
      endpoints?.apiChanged(true)
      if (told) pod.alive()
      else complaints.absent(name)
    },
    onFailure(error) {
      complaints.failed('pod', error)
      endpoints?.apiChanged(false)
    },
  })
  const evictions = evictionResponder === false ? undefined : evictionsFor(evictionResponder)
  const report = settings.report ? reportOf(settings.report) : undefined
  const onState = (state: string): void => {
    if (state === 'draining') {
      watch.drain()
      endpoints?.drain()
      evictions?.drain()
    } else if (state === 'serving') {
      watch.serve()
      endpoints?.serve()
      evictions?.serve()
    }
  }
  drain.on('state', onState)
  const forget = endpoints ? drain.settledWhen(endpoints.settled) : undefined
  void watch.run()
  endpoints?.start()
  evictions?.start()
  report?.start()
  const silence = settings.events
    ? tellOutcome({ drain, config, pod, name, namespace, events: settings.events })
    : undefined
  logger.info(
    `kubernetes: following pod ${name} in namespace ${namespace}${services === false ? '' : ' and its EndpointSlices'}`,
  )
  return () => {
    drain.off('state', onState)
    forget?.()
    silence?.()
    for (const each of [report, watch, endpoints, evictions, api]) each?.stop()
  }

  function endpointsOf(names: readonly string[]): Endpoints {
    return new Endpoints({
      drain,
      settleAfter,
      services: new Services({
        api,
        pod,
        namespace,
        services: names,
        onUnknownPolicy: (...known) => complaints.unknownPolicy(...known),
      }),
      onSuccess: () => complaints.works('slices'),
      onFailure: (error) => complaints.failed('slices', error),
    })
  }

  function evictionsFor(responder: string): EvictionResponder {
    return new EvictionResponder({
      drain,
      api,
      pod,
      namespace,
      responder,
      onSuccess: () => complaints.works('evictions'),
      onFailure: (error) => complaints.failed('evictions', error),
    })
  }

  function reportOf(times: Exclude<Settings['report'], false>): Report {
    const pauses = new Pauses(clock)
    return new Report({
      drain,
      ...times,
      async write(annotations) {
        // With its uid: the next pod of a StatefulSet has the same name, and its own annotations.
        await api.patch(`/api/v1/namespaces/${namespace}/pods/${name}`, { metadata: { uid: pod.uid, annotations } })
        pauses.succeeded()
        complaints.works('report')
      },
      onFailure(error) {
        complaints.failed('report', error as Error)
        return pauses.after(error)
      },
    })
  }
}
