import type { ChildProcess } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createInterface } from 'node:readline'

export type Exit = [code: number | null, signal: NodeJS.Signals | null]

/** A process that a test has started, and its output. */
export class RunningProcess {
  readonly lines: string[] = []
  readonly process: ChildProcess
  /** The exit code and the signal, once all output has been read. */
  readonly exit: Promise<Exit>
  port = 0
  exited = false
  readonly #news = new EventEmitter().setMaxListeners(0)

  constructor(process: ChildProcess) {
    this.process = process
    for (const stream of [process.stdout, process.stderr]) {
      if (!stream) throw new Error('the process has no output')
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line)
        this.#news.emit('some')
      })
    }
    this.exit = once(process, 'close').then((exit) => {
      this.exited = true
      this.#news.emit('some')
      return exit as Exit
    })
  }

  get output(): string {
    return this.lines.join('\n')
  }

  /** Waits for the line with its port. Returns the port. */
  async listening(): Promise<void> {
    this.port = Number((await this.line(/^listening \d+/)).split(' ')[1])
  }

  /** Waits for one or several matching lines of output. Returns the last of them. */
  async line(pattern: RegExp, times = 1): Promise<string> {
    for (;;) {
      const found = this.lines.filter((line) => pattern.test(line))
      if (found.length >= times) return found[times - 1] as string
      if (this.exited) throw new Error(`exited without ${pattern}; it said:\n${this.output}`)
      await once(this.#news, 'some')
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal)
  }

  tell(message: string): void {
    this.process.send(message)
  }
}
