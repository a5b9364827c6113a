import type { Drain } from '@podrain/core'
import { ApiError, ResponseTooLong } from './api/api.js'
import { missingRule, type Need, without } from './api/rules.js'

/** Logs each kind of failure once, until the same request has succeeded again. */
export class FailureLog {
  readonly #logger: Drain['logger']
  readonly #namespace: string
  readonly #said = new Map<Need, Set<string>>()
  #absent = false

  constructor({ logger }: Drain, namespace: string) {
    this.#logger = logger
    this.#namespace = namespace
  }

  succeeded(need: Need): void {
    if (this.#said.delete(need)) this.#logger.info(`kubernetes: ${subjects[need]}: works again`)
  }

  failed(need: Need, error: Error): void {
    const status = error instanceof ApiError ? error.status : undefined
    // The API server regularly forgets old versions (410), and ends watches (0). Neither is a failure for a user.
    if (status === 410 || status === 0) return
    const subject = subjects[need]
    if (status === 403) this.#once(need, '403', missingRule(need, this.#namespace))
    else if (status === 404 && need === 'evictions') {
      const where = 'this cluster has no lifecycle.k8s.io/v1alpha1, which is alpha in Kubernetes 1.37'
      this.#once(need, '404', `kubernetes: ${subject}: ${where}; ${without.evictions}`)
    } else if (error instanceof ResponseTooLong) {
      this.#once(
        need,
        'size',
        `kubernetes: ${subject}: ${error.message}; name the Services of this pod in the option \`services\``,
      )
    } else {
      this.#once(
        need,
        'other',
        `kubernetes: ${subject}: ${error.message}; trying again, and until then ${without[need]}`,
      )
    }
  }

  /**
   * Logs that the traffic policy of a Service could not be read.
   * @param isForbidden Whether the pod may not read Services. Otherwise the response was not a Service.
   */
  unknownPolicy(service: string, isForbidden: boolean): void {
    const what = `kubernetes: Service ${service} could not be read, so ${without.services}`
    this.#once('services', 'policy', isForbidden ? missingRule('services', this.#namespace) : what)
  }

  /** Logs that no pod has this name. */
  absent(name: string): void {
    if (this.#absent) return
    this.#absent = true
    const where = `there is no ${name} in namespace ${this.#namespace}: set POD_NAME and POD_NAMESPACE`
    this.#logger.warn(`kubernetes: ${subjects.pod}: ${where}`)
  }

  #once(need: Need, kind: string, line: string): void {
    const said = this.#said.get(need) ?? new Set()
    if (said.has(kind)) return
    this.#said.set(need, said.add(kind))
    this.#logger.warn(line)
  }
}

const subjects: Readonly<Record<Need, string>> = {
  pod: 'this pod',
  slices: 'EndpointSlices',
  services: 'Services',
  evictions: 'Evictions',
  annotations: 'annotations of this pod',
}
