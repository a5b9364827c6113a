import { once } from 'node:events'
import net, { type Socket } from 'node:net'

/** A connection of a client that sends any bytes and records what comes back. A character stands for a byte. */
export class Wire {
  received = ''
  readonly #socket: Socket
  #closed = false
  #changed = (): void => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.received += text
      this.#changed()
    })
    socket.on('error', () => {}) // a reset is one way to close
    socket.on('close', () => {
      this.#closed = true
      this.#changed()
    })
  }

  static async open(port: number): Promise<Wire> {
    const socket = net.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new Wire(socket)
  }

  send(bytes: string): this {
    this.#socket.write(bytes, 'latin1')
    return this
  }

  end(): this {
    this.#socket.end()
    return this
  }

  abort(): void {
    this.#socket.destroy()
  }

  /** Waits until what was received is enough, or the connection has closed. */
  async until(isEnough: (received: string) => boolean): Promise<this> {
    while (!this.#closed && !isEnough(this.received)) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve
      })
    }
    return this
  }

  /** Waits until the server has closed the connection. */
  closed(): Promise<this> {
    return this.until(() => false)
  }
}
