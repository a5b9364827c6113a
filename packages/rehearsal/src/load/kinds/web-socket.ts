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
/** Normal, going away, service restart: the server has said that it goes, and the client comes back elsewhere. */
const farewells = [1000, 1001, 1012]
/** What there is instead of a code when the connection ended without a close frame. */
const abrupt = 1006
/** How often a message is sent again whose server had said farewell. */
const mostAttempts = 5

type Outcome = Failure | 'answered' | 'again'

/**
 * Keeps a WebSocket open and sends messages the server echoes, one at a time; each of them is a request.
 *
 * Lost is a message whose connection ended abruptly or could not be made before its echo came, and a connection that was
 * closed with a code that is no farewell, whether a message was under way or not. After a farewell the client connects
 * again, and sends a message that got no echo once more. An abrupt end while nothing was under way loses nothing.
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

  /** Whether there is a connection that the next message can go over. */
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

  /** That we go is no loss, however the server takes it. */
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
      const failure: Failure = outcome === 'again' ? { cause: 'error', message: 'sent away again and again' } : outcome
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
        // What else the server may say to everybody is none of ours.
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

  /** Opens the connection. Resolves with why not. */
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

  /** Registered before any message's own listener, so a message that is under way sees the socket gone already. */
  #closed(socket: WebSocket, code: number): void {
    if (this.#socket === socket) this.#socket = undefined
    // A message under way is told by its own listener.
    if (socket.listenerCount('close') > 0 || code === abrupt || farewells.includes(code)) return
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

/** What the end of a connection means for a message that is under way. */
function endOf(code: number): Outcome {
  if (farewells.includes(code)) return 'again'
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
