import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'

/** How a command is kept on one processor, where that is possible: nothing if not. */
export function pin(core: number): string[] {
  return pinning === undefined ? ['taskset', '-c', String(core)] : []
}

/** Why nothing can be kept on one processor; undefined if it can. */
export const pinning: string | undefined = (() => {
  try {
    execFileSync('taskset', ['-c', '0,1', 'true'], { stdio: 'ignore' })
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'taskset is missing' : 'there is one processor'
  }
})()

/** A process of ours that answers questions one after the other. */
export class Child {
  readonly #process: ChildProcess
  readonly #exit: Promise<never>

  /** @param before what starts it, in front of node */
  constructor(file: string, args: readonly string[], before: readonly string[] = [], flags: readonly string[] = []) {
    const [execPath = process.execPath, ...execArgv] = [...before, process.execPath, ...flags]
    this.#process = fork(file, args, { execPath, execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#exit = once(this.#process, 'exit').then(([code, signal]) => {
      throw new Error(`${[file, ...args].join(' ')} has ended with ${code ?? signal}`)
    })
    this.#exit.catch(() => {})
  }

  /** Its next message. */
  async hear<Answer>(): Promise<Answer> {
    const [answer] = await Promise.race([once(this.#process, 'message'), this.#exit])
    return answer
  }

  ask<Answer>(question: object | string = {}): Promise<Answer> {
    const answer = this.hear<Answer>()
    this.#process.send(question)
    return answer
  }

  /** Lets it end by itself: it is told that nobody asks any more. */
  async end(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect()
    await this.#exit.catch(() => {})
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#exit.catch(() => {})
  }
}
