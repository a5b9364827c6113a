import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Network } from './network.js'
import { Child } from './support.js'

const { obstacle } = Network

/** The server's whole body. The kernel takes the last megabytes of it long before a slow client has read them. */
const whole = 20_000_000

/** A client that takes 64 KB at a time, with a breath after each. */
class SlowClient {
  readonly socket: Socket
  /** Milliseconds. */
  breath = 1
  readonly #parts: Buffer[] = []
  #breathing: NodeJS.Timeout | undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    // Its FIN would look for a network that is no more.
    onTestFinished(() => void socket.resetAndDestroy())
    this.read()
  }

  static async open(host: string, port: number): Promise<SlowClient> {
    const socket = connect(port, host)
    await once(socket, 'connect')
    socket.write('GET / HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n')
    return new SlowClient(socket)
  }

  read(): void {
    this.socket.removeAllListeners('data').on('data', (part) => {
      this.#parts.push(part)
      this.socket.pause()
      this.#breathing = setTimeout(() => this.socket.resume(), this.breath)
    })
    this.socket.resume()
  }

  stop(): void {
    clearTimeout(this.#breathing)
    this.socket.pause()
  }

  /** How much of the response's body it has. */
  get length(): number {
    const received = Buffer.concat(this.#parts)
    return received.length - (received.indexOf('\r\n\r\n') + 4)
  }

  async until(length: number): Promise<void> {
    while (this.length < length) await once(this.socket, 'data')
  }

  /** Reads what its own kernel has. Where the network is gone, nothing else can come, neither a byte nor an end. */
  async drain(): Promise<void> {
    this.socket.removeAllListeners('data').on('data', (part) => void this.#parts.push(part))
    this.socket.resume()
    // What is in the kernel, and what Node has read ahead.
    const unread = (): number => receiveQueue(this.socket) + this.socket.readableLength
    await expect.poll(unread, { timeout: 30_000 }).toBe(0)
  }
}

/** The bytes that have arrived at the socket and were not read. Its port alone may be another connection's, too. */
function receiveQueue({ localAddress = '', localPort, remoteAddress = '', remotePort }: Socket): number {
  const ends = `${endpoint(localAddress, localPort)} ${endpoint(remoteAddress, remotePort)}`
  const line = new RegExp(`${ends} [0-9A-F]{2} [0-9A-F]+:([0-9A-F]+)`)
  return Number.parseInt(line.exec(readFileSync('/proc/net/tcp', 'latin1'))?.[1] ?? '0', 16)
}

/** As /proc/net/tcp writes it, on a little-endian machine. */
function endpoint(address: string, port = 0): string {
  const bytes = Buffer.from(address.split('.').map(Number).reverse())
  return `${bytes.toString('hex')}:${port.toString(16).padStart(4, '0')}`.toUpperCase()
}

const title = 'a slow client of a pod whose network goes when the process has exited'
describe(obstacle ? `${title} (not possible here: ${obstacle}; undelivered.test.ts stands in)` : title, () => {
  beforeEach(({ skip }) => skip(obstacle !== undefined, obstacle))
  afterAll(() => {
    if (obstacle === undefined) Network.sweep()
  })

  /** A pod that is told to end in the middle of a response. */
  async function ending({ podrain, onHost = false }: { podrain: boolean; onHost?: boolean }) {
    const network = new Network()
    onTestFinished(() => network.remove())
    const child = new Child({ host: network.address, podrain }, 'pod.mjs', network.command)
    // Before anything else happens here: also the client cannot read in between.
    if (!onHost) child.process.once('exit', () => network.remove())
    await child.listening()
    const client = await SlowClient.open(network.address, child.port)
    await client.until(1_000_000)
    child.signal('SIGTERM')
    return { child, client }
  }

  test('gets the whole response', async () => {
    const { child, client } = await ending({ podrain: true })
    await child.line(/^response closed$/)
    // So that what is left takes longer than all else that the exit waits for.
    client.breath = 20
    expect(await child.exit).toEqual([0, null])
    await client.drain()
    expect(client.length).toBe(whole)
  })

  test('gets the whole response when it did not read for a while, with Node done and the hooks run', async () => {
    const { child, client } = await ending({ podrain: true })
    await child.line(/^response closed$/)
    client.stop()
    await child.line(/^close hooks$/)
    await child.line(/^tick 25$/)
    expect(child.exited).toBe(false)
    expect(client.length).toBeLessThan(whole)
    client.read()
    expect(await child.exit).toEqual([0, null])
    await client.drain()
    expect(client.length).toBe(whole)
  })

  // That the tests above can fail, and at what.
  test('loses the end of it where the process exits once Node has closed the response and the server', async () => {
    const { child, client } = await ending({ podrain: false })
    await child.line(/^response closed$/)
    client.stop()
    expect(await child.exit).toEqual([0, null])
    await client.drain()
    expect(client.length).toBeLessThan(whole)
    expect(client.socket.readableEnded).toBe(false)
  })

  test('would have got it even so on a host, whose network stays', async () => {
    const { child, client } = await ending({ podrain: false, onHost: true })
    await child.line(/^response closed$/)
    client.stop()
    expect(await child.exit).toEqual([0, null])
    client.read()
    await once(client.socket, 'end')
    expect(client.length).toBe(whole)
  })
})
