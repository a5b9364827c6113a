import type { Drain } from '@podrain/core'
import { Api } from './api/api.js'
import { Backoff } from './api/backoff.js'
import { inCluster, type KubeConfigLike } from './api/config.js'
import { Watch } from './api/watch.js'
import { Endpoints } from './endpoints/endpoints.js'
import { Services } from './endpoints/services.js'
import { EvictionResponder } from './eviction/responder.js'
import { FailureLog } from './failure-log.js'
import { LoadAnnotations } from './load-annotations.js'
import { isName, type KubernetesOptions, resolve, type Settings } from './options.js'
import { tellOutcome } from './outcome-event.js'
import { OwnPod } from './pod/own-pod.js'

/** The connection between a drain and the cluster. It ends with the drain. */
export interface Kubernetes {
  /** Ends all requests to the API, and removes all listeners from the drain. The drain itself goes on. */
  stop(): void
}

/**
 * Connects a drain with the Kubernetes API. It tells the drain when the pod is deleted, and with what grace period. It tells the drain
 * whether EndpointSlices still list the pod. If the options say so, it also writes to the API: how busy the pod is, and the outcome of
 * the drain. A drain does not depend on the API: if requests fail, it goes on as without this package.
 *
 * Outside of a cluster (KUBERNETES_SERVICE_HOST is not set, and there is no `kubeConfig`), nothing happens.
 *
 * @example
 * const app = express()
 * const podrain = drain()
 * app.use(podrain)
 * kubernetes(podrain.drain)
 *
 * @param drain The drain of the application: `app.drain` with Fastify, `podrain.drain` with Express and Koa.
 * @throws {TypeError | RangeError} for a wrong option. All other failures are logged, and not thrown.
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

/** @returns The function that ends everything. */
function follow(drain: Drain, settings: Settings, config: KubeConfigLike): () => void {
  const { pod: name, namespace, services, settleAfter, evictionResponder } = settings
  const { clock, logger } = drain
  const api = new Api(config, clock)
  const failures = new FailureLog(drain, namespace)
  const pod = new OwnPod(drain, name)
  const endpoints = services === false ? undefined : endpointsOf(services)
  const watch = new Watch({
    api,
    drain,
    path: `/api/v1/namespaces/${namespace}/pods`,
    selector: { fieldSelector: `metadata.name=${name}` },
    onEvent(event, now) {
      pod.handle(event, now)
      endpoints?.podChanged(pod.ready)
      evictions?.podChanged()
    },
    onSteady(told) {
      failures.succeeded('pod')
      endpoints?.apiChanged(true)
      if (told) pod.alive()
      else failures.absent(name)
    },
    onFailure(error) {
      failures.failed('pod', error)
      endpoints?.apiChanged(false)
    },
  })
  const evictions = evictionResponder === false ? undefined : evictionsFor(evictionResponder)
  const load = settings.annotations ? annotationsOf(settings.annotations) : undefined
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
  load?.start()
  const cancelEvent = settings.events
    ? tellOutcome({ drain, config, pod, name, namespace, events: settings.events })
    : undefined
  logger.info(
    `kubernetes: following pod ${name} in namespace ${namespace}${services === false ? '' : ' and its EndpointSlices'}`,
  )
  return () => {
    drain.off('state', onState)
    forget?.()
    cancelEvent?.()
    for (const each of [load, watch, endpoints, evictions, api]) each?.stop()
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
        onUnknownPolicy: (...known) => failures.unknownPolicy(...known),
      }),
      onSuccess: () => failures.succeeded('slices'),
      onFailure: (error) => failures.failed('slices', error),
    })
  }

  function evictionsFor(responder: string): EvictionResponder {
    return new EvictionResponder({
      drain,
      api,
      pod,
      namespace,
      responder,
      onSuccess: () => failures.succeeded('evictions'),
      onFailure: (error) => failures.failed('evictions', error),
    })
  }

  function annotationsOf(given: Exclude<Settings['annotations'], false>): LoadAnnotations {
    const backoff = new Backoff(clock)
    return new LoadAnnotations({
      drain,
      ...given,
      async write(annotations) {
        // With the uid, the API refuses to write on a later pod of the same name, as a StatefulSet creates.
        await api.patch(`/api/v1/namespaces/${namespace}/pods/${name}`, { metadata: { uid: pod.uid, annotations } })
        backoff.succeeded()
        failures.succeeded('annotations')
      },
      onFailure(error) {
        failures.failed('annotations', error as Error)
        return backoff.after(error)
      },
    })
  }
}
