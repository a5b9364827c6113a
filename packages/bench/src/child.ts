import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'

/** The words in front of a command that pin it to one processor; none where pinning is not possible. */
export function pin(core: number): string[] {
  return pinning === undefined ? ['taskset', '-c', String(core)] : []
}

/** Why processes cannot be pinned to a processor; undefined if they can. */
export const pinning: string | undefined = (() => {
  try {
    execFileSync('taskset', ['-c', '0,1', 'true'], { stdio: 'ignore' })
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'taskset is missing' : 'there is one processor'
  }
})()

/** A child process that answers messages one after the other. */
export class Child {
  readonly #process: ChildProcess
  readonly #exit: Promise<never>

  /** @param before The command in front of `node`, such as `taskset -c 0`. */
  constructor(file: string, args: readonly string[], before: readonly string[] = [], flags: readonly string[] = []) {
    const [execPath = process.execPath, ...execArgv] = [...before, process.execPath, ...flags]
    this.#process = fork(file, args, { execPath, execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#exit = once(this.#process, 'exit').then(([code, signal]) => {
      throw new Error(`${[file, ...args].join(' ')} has ended with ${code ?? signal}`)
    })
    this.#exit.catch(() => {})
  }

  /**
   * The next message of the process.
   * @throws {Error} if the process ends first
   */
  async receive<Answer>(): Promise<Answer> {
    const [answer] = await Promise.race([once(this.#process, 'message'), this.#exit])
    return answer
  }

  ask<Answer>(question: object | string = {}): Promise<Answer> {
    const answer = this.receive<Answer>()
    this.#process.send(question)
    return answer
  }

  /** Disconnects the channel, so that the process ends by itself, and waits for its exit. */
  async end(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect()
    await this.#exit.catch(() => {})
  }

  /** Ends the process with SIGKILL, and waits for its exit. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#exit.catch(() => {})
  }
}
