import type { IncomingMessage } from 'node:http'
import WebSocket from 'ws'
import { connectTo } from '../../shared/connect.js'
import { askAgainAndAgain, type Client, type ClientSpec, draw, perSecond, type Range, unreachable } from '../client.js'
import { answering, type Endpoint } from '../endpoint.js'
import { commonHeaders } from '../exchange.js'
import type { Kind } from '../kind.js'
import { causeOf, type Failure, type LossCause, noEndpoint } from '../outcome.js'

/** Pause between two messages, in ms. */
const pause: Range = [50, 250]
/** Close codes of an orderly end (RFC 6455 §7.4.1 and IANA): normal, going away, service restart. The client connects again. */
const orderlyCodes = [1000, 1001, 1012]
/** The code for a connection that ended without a close frame (RFC 6455 §7.4.1). */
const abrupt = 1006
/** How often a message is sent, the first attempt included, when the server closes in an orderly way before its echo. */
const mostAttempts = 5

type Outcome = Failure | 'answered' | 'again'

/**
 * Keeps a WebSocket open and sends messages that the server echoes, one at a time. Each message is a request.
 *
 * A message is lost if its connection could not be opened, or ended without a close frame before the echo. A close code that is not
 * orderly is a loss too, whether a message was in flight or not. After an orderly close the client connects again, and sends a
 * message that got no echo again. A connection that ends without a close frame while no message is in flight loses nothing.
 */
export class WebSocketClient implements Client {
  readonly #spec: ClientSpec
  #endpoint: Endpoint | undefined
  #socket: WebSocket | undefined
  #served = false
  #messages = 0

  constructor(spec: ClientSpec) {
    this.#spec = spec
  }

  /** Whether there is an open connection for the next message. */
  get connected(): boolean {
    return this.#socket !== undefined
  }

  async run(stop: AbortSignal): Promise<void> {
    await askAgainAndAgain(
      stop,
      () => draw(pause, this.#spec.random),
      () => this.request(),
    )
    this.close()
  }

  /** Without the listeners, so that the server's reply to this close is never counted as a loss. */
  close(): void {
    this.#socket?.removeAllListeners('close').close(1000)
  }

  /** Sends one message and waits for its outcome. Never rejects. */
  async request(): Promise<void> {
    const { onSent, onAnswered, clock } = this.#spec
    const sentAt = clock()
    onSent()
    let reused = false
    let outcome: Outcome = 'again'
    for (let attempt = 0; outcome === 'again' && attempt < mostAttempts; attempt++) {
      reused = this.#socket !== undefined && this.#served
      outcome = await this.#send()
    }
    if (outcome === 'answered') onAnswered(this.#endpoint?.name ?? '', clock() - sentAt)
    else {
      const failure: Failure =
        outcome === 'again'
          ? { cause: 'error', message: 'the server closed every connection before the echo' }
          : outcome
      this.#lose(failure, sentAt, reused)
    }
  }

  async #send(): Promise<Outcome> {
    const failure = this.#socket === undefined ? await this.#connect() : undefined
    if (failure !== undefined) return failure
    const socket = this.#socket
    if (socket === undefined) return 'again'
    const text = `message ${++this.#messages}`
    const { total } = this.#spec.timeouts
    return new Promise((resolve) => {
      const settle = (outcome: Outcome) => {
        clearTimeout(timer)
        socket.off('message', heed).off('close', end)
        resolve(outcome)
      }
      const heed = (data: WebSocket.RawData) => {
        // The server may send other messages too, such as a broadcast.
        if (String(data) !== text) return
        this.#served = true
        settle('answered')
      }
      const end = (code: number) => settle(endOf(code))
      const timer = setTimeout(() => {
        settle({ cause: 'timeout', message: `no echo within ${total} ms` })
        this.#drop(socket)
      }, total)
      socket.on('message', heed).on('close', end)
      socket.send(text)
    })
  }

  /** Opens the connection. Resolves with undefined, or with the reason it could not be opened. */
  #connect(): Promise<Failure | undefined> {
    const { asks, timeouts, pick, podHeader } = this.#spec
    const endpoint = pick()
    this.#endpoint = endpoint
    if (endpoint === undefined) return Promise.resolve(noEndpoint)
    if (endpoint.unreachable) return unreachable(timeouts)
    return new Promise((resolve) => {
      const socket = new WebSocket(`ws://${endpoint.host}:${endpoint.port}${asks[0]?.path}`, {
        createConnection: () => connectTo(endpoint).setTimeout(timeouts.connect),
        handshakeTimeout: timeouts.connect,
        headers: commonHeaders,
        perMessageDeflate: false,
      })
      const heed = ({ headers }: IncomingMessage) => {
        this.#endpoint = answering(this.#endpoint, headers, podHeader)
      }
      socket.once('upgrade', heed)
      socket.once('unexpected-response', (request, response) => {
        heed(response)
        resolve({ cause: `status ${response.statusCode ?? 0}`, message: response.statusMessage ?? '' })
        request.destroy()
      })
      socket.on('error', (error: NodeJS.ErrnoException) => {
        const cause: LossCause = /timed out/.test(error.message) ? 'timeout' : causeOf(error)
        resolve({ cause, message: error.message })
      })
      socket.once('open', () => {
        this.#socket = socket
        this.#served = false
        socket.once('close', (code) => this.#closed(socket, code))
        resolve(undefined)
      })
    })
  }

  /** Registered before the listener of any message, so `#socket` is unset when that listener runs. */
  #closed(socket: WebSocket, code: number): void {
    if (this.#socket === socket) this.#socket = undefined
    // The loss of a message in flight is reported by the message's own listener.
    if (socket.listenerCount('close') > 0 || code === abrupt || orderlyCodes.includes(code)) return
    const { onSent, clock } = this.#spec
    onSent()
    this.#lose(endOf(code) as Failure, clock(), this.#served)
  }

  #drop(socket: WebSocket): void {
    if (this.#socket === socket) this.#socket = undefined
    socket.removeAllListeners('close').terminate()
  }

  #lose(failure: Failure, sentAt: number, reused: boolean): void {
    const pod = failure === noEndpoint ? null : (this.#endpoint?.name ?? null)
    this.#spec.onLost({ ...failure, pod, method: 'WS', path: this.#spec.asks[0]?.path ?? '', sentAt, reused })
  }
}

/** The outcome of a message in flight whose connection was closed with this code. */
function endOf(code: number): Outcome {
  if (orderlyCodes.includes(code)) return 'again'
  const message = code === abrupt ? 'the connection ended without a close frame' : `closed with code ${code}`
  return { cause: `closed ${code}`, message }
}

export const webSocket: Kind<'webSocket'> = {
  path: 'webSocket',
  help: 'WebSocket that echoes',
  count: 4,
  method: 'GET',
  perSecond: perSecond(pause),
  protocol: 'HTTP/1.1',
  paced: false,
  timed: false,
  create: (spec) => new WebSocketClient(spec),
}
