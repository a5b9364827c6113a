import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { inspect } from 'node:util'
import type { TestContext } from 'vitest'
import { RunningProcess } from '../../../../packages/core/test/running-process.js'

const recipes = join(import.meta.dirname, '..', '..')

/** Variables for a short settle wait, for tests that do not test that wait. */
export const shortWaits = { PODRAIN_SETTLE_MIN: '1000', PODRAIN_SETTLE_QUIET: '200' }

export interface Answer {
  readonly status: number
  readonly body: string
}

/** A recipe in its own process. */
export class Service extends RunningProcess {
  private constructor(command: readonly string[], env: Record<string, string>) {
    const { TERMINATION_GRACE_PERIOD_SECONDS: _, ...inherited } = process.env
    super(
      spawn(process.execPath, command, {
        cwd: recipes,
        stdio: ['ignore', 'pipe', 'pipe'],
        // The variable that a pod has, so that the drain waits for load balancers.
        env: { ...inherited, KUBERNETES_SERVICE_HOST: '10.96.0.1', HOST: '127.0.0.1', PORT: '0', ...env },
      }),
    )
  }

  /** Starts a recipe, and resolves when it listens. */
  static async start(
    { onTestFinished }: TestContext,
    command: string | readonly string[],
    env: Record<string, string>,
  ): Promise<Service> {
    const service = new Service([command].flat(), env)
    onTestFinished(() => void service.process.kill('SIGKILL'))
    // The line that Fastify logs, and the line of the other recipes.
    service.port = await service.portIn(/(?:Server listening at http:\/\/127\.0\.0\.1:|^listening .*port: )(\d+)/)
    return service
  }

  async portIn(pattern: RegExp): Promise<number> {
    return Number(pattern.exec(await this.line(pattern))?.[1])
  }

  /** The response of the service. If there is none, the status is 0 and the body is the error. */
  async ask(path: string, method = 'GET', json?: unknown): Promise<Answer> {
    const sent =
      json === undefined ? {} : { body: JSON.stringify(json), headers: { 'content-type': 'application/json' } }
    try {
      const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, { method, ...sent })
      return { status: answer.status, body: await answer.text() }
    } catch (error) {
      return { status: 0, body: inspect(error) }
    }
  }

  /** The response of `/drainz`. */
  async status(): Promise<{ state: string; inFlight: number; tasks: string[] }> {
    return JSON.parse((await this.ask('/drainz')).body)
  }
}
