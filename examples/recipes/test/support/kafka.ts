import { once } from 'node:events'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { TestContext } from 'vitest'

// The encoder and the decoder of kafkajs are enough to write a broker.
const require = createRequire(import.meta.url)
const Encoder = require('kafkajs/src/protocol/encoder')
const Decoder = require('kafkajs/src/protocol/decoder')
const Record = require('kafkajs/src/protocol/recordBatch/record/v0')
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0')
// biome-ignore lint/suspicious/noExplicitAny: kafkajs has no types for these
type Any = any

const group = 'member'
const host = '127.0.0.1'

/**
 * A minimal broker with one topic of one partition to read, one topic to write, and one consumer at a time. It records what kafkajs
 * sends to a broker.
 */
export class Broker {
  /** What the consumer did in its group: join, commit <offset>, leave. */
  readonly events: string[] = []
  /** The produced messages. */
  readonly produced: string[] = []
  port = 0
  /** The port that the broker advertises to clients. */
  advertised = 0
  readonly #orders: string[] = []
  #committed = -1
  #members = 0
  #wake: (() => void)[] = []

  static async start({ onTestFinished }: TestContext): Promise<Broker> {
    const broker = new Broker()
    const server = createServer((socket) => {
      onTestFinished(() => void socket.destroy())
      void broker.#serve(socket).catch(() => socket.destroy())
    })
    server.listen(0, host)
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    broker.port = (server.address() as AddressInfo).port
    return broker
  }

  add(order: object): void {
    this.#orders.push(JSON.stringify(order))
    for (const wake of this.#wake.splice(0)) wake()
  }

  async #serve(socket: Socket): Promise<void> {
    let bytes = Buffer.alloc(0)
    for await (const chunk of socket) {
      bytes = Buffer.concat([bytes, chunk])
      while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
        const size = 4 + bytes.readInt32BE(0)
        const request = new Decoder(bytes.subarray(4, size))
        bytes = bytes.subarray(size)
        const [key, version, correlation] = [request.readInt16(), request.readInt16(), request.readInt32()]
        request.readString() // the client id
        const [, , answer] = this.#answers[key] ?? []
        if (!answer) throw new Error(`no answer to the request ${key}`)
        const body = await answer(request, version)
        const whole = new Encoder().writeInt32(correlation).writeEncoder(body)
        socket.write(new Encoder().writeInt32(whole.size()).writeEncoder(whole).buffer)
      }
    }
  }

  /** The lowest and the highest supported version and the response, by the key of the request. */
  readonly #answers: { [key: number]: [min: number, max: number, answer: (request: Any, version: number) => Any] } = {
    // ApiVersions
    18: [
      0,
      2,
      (_request, version) => {
        const list = new Encoder()
          .writeInt16(0)
          .writeArray(
            Object.entries(this.#answers).map(([key, [min, max]]) =>
              new Encoder().writeInt16(Number(key)).writeInt16(min).writeInt16(max),
            ),
          )
        return version === 0 ? list : list.writeInt32(0)
      },
    ],
    // Metadata
    3: [
      1,
      1,
      () =>
        new Encoder()
          .writeArray([this.#address(new Encoder()).writeString(null)])
          .writeInt32(0)
          .writeArray(
            ['orders', 'invoices'].map((topic) =>
              new Encoder()
                .writeInt16(0)
                .writeString(topic)
                .writeBoolean(false)
                .writeArray([new Encoder().writeInt16(0).writeInt32(0).writeInt32(0).writeArray([0]).writeArray([0])]),
            ),
          ),
    ],
    // FindCoordinator
    10: [0, 0, () => this.#address(new Encoder().writeInt16(0))],
    // JoinGroup
    11: [
      0,
      0,
      (request) => {
        request.readString()
        request.readInt32()
        request.readString()
        request.readString()
        const [protocol] = request.readArray((each: Any) => ({ name: each.readString(), metadata: each.readBytes() }))
        this.events.push('join')
        this.#members++
        const member = `${group} ${this.#members}`
        return new Encoder()
          .writeInt16(0)
          .writeInt32(this.#members)
          .writeString(protocol.name)
          .writeString(member)
          .writeString(member)
          .writeArray([new Encoder().writeString(member).writeBytes(protocol.metadata)])
      },
    ],
    // SyncGroup
    14: [
      0,
      0,
      (request) => {
        request.readString()
        request.readInt32()
        request.readString()
        const [own] = request.readArray((each: Any) => ({ member: each.readString(), assignment: each.readBytes() }))
        return new Encoder().writeInt16(0).writeBytes(own.assignment)
      },
    ],
    // Heartbeat
    12: [0, 0, () => new Encoder().writeInt16(0)],
    // LeaveGroup
    13: [
      0,
      0,
      () => {
        this.events.push('leave')
        return new Encoder().writeInt16(0)
      },
    ],
    // OffsetFetch
    9: [1, 1, () => this.#ofOrders((encoder) => encoder.writeInt64(this.#committed).writeString('').writeInt16(0))],
    // ListOffsets: of the beginning
    2: [1, 1, () => this.#ofOrders((encoder) => encoder.writeInt16(0).writeInt64(-1).writeInt64(0))],
    // OffsetCommit
    8: [
      2,
      2,
      (request) => {
        request.readString()
        request.readInt32()
        request.readString()
        request.readInt64()
        const [{ offset }] = request.readArray((topic: Any) => {
          topic.readString()
          return topic.readArray((each: Any) => {
            each.readInt32()
            const offset = Number(each.readInt64())
            each.readString()
            return { offset }
          })[0]
        })
        this.#committed = offset
        this.events.push(`commit ${offset}`)
        return this.#ofOrders((encoder) => encoder.writeInt16(0))
      },
    ],
    // Fetch
    1: [
      4,
      4,
      async (request) => {
        request.readInt32()
        const patience = request.readInt32()
        request.readInt32()
        request.readInt32()
        request.readInt8()
        const [from] = request.readArray((topic: Any) => {
          topic.readString()
          return topic.readArray((each: Any) => {
            each.readInt32()
            const offset = Number(each.readInt64())
            each.readInt32()
            return offset
          })[0]
        })
        if (from >= this.#orders.length) {
          await new Promise<void>((resolve) => {
            this.#wake.push(resolve)
            setTimeout(resolve, Math.min(patience, 500))
          })
        }
        const values = this.#orders.slice(from)
        const records = values.map((value, offsetDelta) =>
          Record({ offsetDelta, key: Buffer.from('key'), value: Buffer.from(value) }),
        )
        const batch = await RecordBatch({ firstOffset: from, lastOffsetDelta: records.length - 1, records })
        const end = this.#orders.length
        return new Encoder().writeInt32(0).writeEncoder(
          this.#ofOrders((encoder) =>
            encoder
              .writeInt16(0)
              .writeInt64(end)
              .writeInt64(end)
              .writeArray([])
              .writeBytes(records.length > 0 ? batch.buffer : Buffer.alloc(0)),
          ),
        )
      },
    ],
    // Produce
    0: [
      3,
      3,
      (request) => {
        this.produced.push(...(request.buffer.toString().match(/\{"order".*?\}/g) ?? []))
        const partition = new Encoder().writeInt32(0).writeInt16(0).writeInt64(this.produced.length).writeInt64(-1)
        const topic = new Encoder().writeString('invoices').writeArray([partition])
        return new Encoder().writeArray([topic]).writeInt32(0)
      },
    ],
  }

  /** A response for the only partition of the topic `orders`. */
  #ofOrders(fill: (encoder: Any) => Any): Any {
    const topic = new Encoder().writeString('orders').writeArray([fill(new Encoder().writeInt32(0))])
    return new Encoder().writeArray([topic])
  }

  #address(encoder: Any): Any {
    return encoder.writeInt32(0).writeString(host).writeInt32(this.advertised)
  }
}
