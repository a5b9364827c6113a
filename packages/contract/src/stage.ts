import { strict as assert } from 'node:assert'
import { constants } from 'node:os'
import { type Answer, Clients } from './clients.js'
import type { Received } from './wire.js'

/** The times of the server under test, in milliseconds. */
export interface Terms {
  /** The grace period. */
  grace: number
  /** How long the server must accept connections after the signal, because load balancers still send. */
  settle: number
  /** How long the server keeps idle connections at most. */
  keepAlive: number
}

/** One server that is told to end, and clients of it. Everything on it ends with the behaviour. */
export abstract class Stage extends Clients {
  abstract readonly terms: Terms
  #end: Promise<number> | undefined

  /** A request that takes its time has reached its handler. */
  abstract get arrived(): Promise<void>

  /** What clients have sent has reached the server. */
  abstract get received(): Promise<unknown>

  /** Told to end, the server knows it. */
  abstract get heard(): Promise<unknown>

  /** Lets slow requests be answered. */
  abstract release(): void

  /** Resolves when the path has been requested this number of times. */
  abstract sent(path: string, times?: number): Promise<void>

  /** @throws {AssertionError} if the response is not the right one for the path */
  abstract expect(path: string, answer: Received | Answer): void

  /** Checks how often the path was handled. A server in its own process does not show that, so nothing is checked. */
  handled(_path: string, _times: number): void {}

  /** The signal that tells the server to end. */
  get signal(): NodeJS.Signals {
    return 'SIGTERM'
  }

  /** Sends the signal, also if it was sent before. Resolves with the exit code. */
  protected abstract tell(): Promise<number>

  /** Ends the server and all its clients. */
  abstract strike(): Promise<void>

  /** Sends a request. Rejects if the response is not the right one. */
  async answers(path: string, options?: Parameters<Clients['ask']>[1]): Promise<Answer> {
    const answer = await this.ask(path, options)
    this.expect(path, answer)
    return answer
  }

  /**
   * Sends a request that is answered after `release()`, and resolves when a handler has it.
   * @returns A function that returns the response.
   */
  async holding(headers: Record<string, string> = {}): Promise<() => Promise<Answer>> {
    const answer = this.answers('/held', { headers })
    answer.catch(() => {})
    await this.arrived
    return () => answer
  }

  /**
   * As `holding()`.
   * @returns A function that calls `release()` and returns the response.
   */
  async hold(headers?: Record<string, string>): Promise<() => Promise<Answer>> {
    const answered = await this.holding(headers)
    return () => {
      this.release()
      return answered()
    }
  }

  /** Sends the signal once. Resolves with the exit code. */
  terminate(): Promise<number> {
    return this.#tellOnce().then((code) => this.#inOrder(code))
  }

  /** Sends the signal twice. Resolves with the exit code of each. */
  terminateTwice(): Promise<number[]> {
    return Promise.all([this.terminate(), this.tell().then((code) => this.#inOrder(code))])
  }

  #tellOnce(): Promise<number> {
    this.#end ??= this.tell()
    return this.#end
  }

  /** 0 for a process that ended by the signal that was sent, as the JVM and uvicorn do when all requests are answered. */
  #inOrder(code: number): number {
    return code === 128 + constants.signals[this.signal] ? 0 : code
  }

  /** It ends with a code that says that something was cut. */
  async endsUnclean(): Promise<void> {
    assert.notEqual(await this.#tellOnce(), 0, 'the exit code')
  }

  /** Checks that the server exits with 0 after the signal, well before the end of its grace period. */
  async endsClean(): Promise<void> {
    const begun = performance.now()
    assert.equal(await this.terminate(), 0, 'the exit code')
    const took = performance.now() - begun
    assert(took < this.terms.grace * early, `it took ${took.toFixed(0)} ms of ${this.terms.grace}`)
  }
}

/** The share of the grace period in which a clean end must happen. */
export const early = 0.7

/** The exit code of a process that got SIGKILL, as a kubelet and a shell see it. */
export const killed = 137

/**
 * Waits until a condition holds.
 * @throws {Error} with the text of `otherwise`, if the condition does not hold within 10 s
 */
export async function eventually(isSo: () => boolean | Promise<boolean>, otherwise: () => string): Promise<void> {
  const end = performance.now() + 10_000
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(otherwise())
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
