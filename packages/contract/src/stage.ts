import { strict as assert } from 'node:assert'
import { constants } from 'node:os'
import { type Answer, Clients } from './clients.js'
import type { Received } from './wire.js'

/** The times that the server under test is held to, in milliseconds. */
export interface Terms {
  /** Until it has to be over. */
  grace: number
  /** For which it still accepts, as load balancers need to learn of its end. */
  settle: number
  /** How long it keeps idle connections at most. */
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

  /** Requests that take their time may be answered. */
  abstract release(): void

  /** The path has been asked for, so many times. */
  abstract sent(path: string, times?: number): Promise<void>

  /** Throws unless this is what the server answers there. */
  abstract expect(path: string, answer: Received | Answer): void

  /** The path has been handled so often; where nobody can see that, nothing is said. */
  handled(_path: string, _times: number): void {}

  /** The server is told to end, however often it was told before. Resolves with its exit code when it has. */
  protected abstract tell(): Promise<number>

  /** Everything that is left of it ends. */
  abstract strike(): Promise<void>

  /** Asks, and throws unless the answer is the right one. */
  async answers(path: string, options?: Parameters<Clients['ask']>[1]): Promise<Answer> {
    const answer = await this.ask(path, options)
    this.expect(path, answer)
    return answer
  }

  /**
   * A request that takes its time, until it is released.
   * @returns the way to wait for its answer
   */
  async holding(headers: Record<string, string> = {}): Promise<() => Promise<Answer>> {
    const answer = this.answers('/held', { headers })
    answer.catch(() => {})
    await this.arrived
    return () => answer
  }

  /**
   * The same.
   * @returns the way to let it be answered
   */
  async hold(headers?: Record<string, string>): Promise<() => Promise<Answer>> {
    const answered = await this.holding(headers)
    return () => {
      this.release()
      return answered()
    }
  }

  /** The server is told to end, once. */
  terminate(): Promise<number> {
    return this.#tellOnce().then(inOrder)
  }

  /** It is told twice at once. */
  terminateTwice(): Promise<number[]> {
    return Promise.all([this.terminate(), this.tell().then(inOrder)])
  }

  #tellOnce(): Promise<number> {
    this.#end ??= this.tell()
    return this.#end
  }

  /** It ends with a code that says that something was forced. */
  async endsForced(): Promise<void> {
    assert.notEqual(await this.#tellOnce(), 0, 'the exit code')
  }

  /** It ends by itself, with nothing forced, well before its grace period is over. */
  async endsClean(): Promise<void> {
    const begun = performance.now()
    assert.equal(await this.terminate(), 0, 'the exit code')
    const took = performance.now() - begun
    assert(took < this.terms.grace * early, `it took ${took.toFixed(0)} ms of ${this.terms.grace}`)
  }
}

/** The part of a grace period after which an end is no early one. */
export const early = 0.7

/** A process that has ended by the signal it was told with, as the JVM and uvicorn do when all is done, has ended in order. */
function inOrder(code: number): number {
  return code === 128 + constants.signals.SIGTERM ? 0 : code
}

/** The exit code of a process that is still there when its grace period is over, as a kubelet and a shell see it. */
export const killed = 137

/** Waits until it is so. */
export async function eventually(isSo: () => boolean | Promise<boolean>, otherwise: () => string): Promise<void> {
  const end = performance.now() + 10_000
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(otherwise())
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
