import type { Duplex } from 'node:stream'

/** Counts of what happened to requests and connections. */
export interface Fate {
  /** Requests that were answered in full, and those that were not. */
  readonly answered: number
  readonly lost: number
  /** Connections that were closed, that were reset, and that are still open. */
  readonly ended: number
  readonly reset: number
  readonly open: number
}

/** The counts of all clients in this process. */
export const fate: { -readonly [Count in keyof Fate]: number } = { answered: 0, lost: 0, ended: 0, reset: 0, open: 0 }

/** A client that sends one request and keeps its connection open. */
export class Client {
  /** Resolves when the response is complete. */
  readonly answered: Promise<void>
  #received = ''

  constructor(socket: Duplex, path: string) {
    fate.open++
    socket.setEncoding('latin1')
    let failed = false
    socket.on('error', () => {
      failed = true
    })
    socket.on('close', () => {
      fate.open--
      if (failed) fate.reset++
      else fate.ended++
      if (this.#received === '') fate.lost++
    })
    this.answered = new Promise((resolve) => {
      socket.on('data', (text: string) => {
        this.#received += text
        if (!this.#received.endsWith('\r\n\r\nok')) return
        fate.answered++
        resolve()
      })
    })
    socket.write(`GET ${path} HTTP/1.1\r\nHost: pod\r\n\r\n`)
  }
}
