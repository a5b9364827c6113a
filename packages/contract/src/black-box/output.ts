import { closeSync, fstatSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** Characters of the output that are kept. */
const length = 2000

/** Bytes in the file after which it is emptied. Far more than servers write, because what a server writes in the moment of emptying is lost. */
const limit = 64 * 1024 * 1024

/**
 * The output of a server, in a file that has no name any more. A server waits for the reader of a pipe, and the clients of this process
 * wait for the server. A program such as nginx, which opens /dev/stderr, cannot open a pipe of Node, because it is a socket.
 */
export class Output {
  /** To be inherited by the server. */
  readonly fd: number
  readonly #emptying: NodeJS.Timeout
  #before = ''
  #isOpen = true

  constructor() {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'podrain-contract-'))
    this.fd = openSync(path.join(directory, 'output'), 'a+')
    rmSync(directory, { recursive: true })
    this.#emptying = setInterval(() => this.#empty(), 100).unref()
  }

  /** Whether stdout or stderr of a process is this file. Only Linux shows it. */
  isThatOf(pid: number): boolean {
    if (!this.#isOpen) return false
    const { dev, ino } = fstatSync(this.fd)
    return [1, 2].some((fd) => {
      const file = statSync(`/proc/${pid}/fd/${fd}`, { throwIfNoEntry: false })
      return file?.dev === dev && file.ino === ino
    })
  }

  /** The last characters. */
  get end(): string {
    return this.#isOpen ? (this.#before + this.#tail()).slice(-length) : this.#before
  }

  /** Keeps the end, and closes the file. */
  close(): void {
    if (!this.#isOpen) return
    this.#before = this.end
    this.#isOpen = false
    clearInterval(this.#emptying)
    closeSync(this.fd)
  }

  /** A server may write gigabytes in the time of a run. */
  #empty(): void {
    if (fstatSync(this.fd).size < limit) return
    this.#before = this.end
    ftruncateSync(this.fd)
  }

  #tail(): string {
    const { size } = fstatSync(this.fd)
    const bytes = Buffer.alloc(Math.min(size, length))
    const read = readSync(this.fd, bytes, 0, bytes.length, size - bytes.length)
    return bytes.toString('utf8', 0, read)
  }
}
