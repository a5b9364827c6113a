import http from 'node:http'
import { drainServer } from '@podrain/core'
import { Kafka } from 'kafkajs'

// A server for the kubelet only. No load balancer sends to a consumer, so the drain needs no settle wait.
const server = http.createServer((_request, response) => response.writeHead(404).end())
const drain = drainServer(server, { behind: 'none' })

const kafka = new Kafka({ clientId: 'invoices', brokers: (process.env.KAFKA_BROKERS ?? 'kafka:9092').split(',') })

const producer = kafka.producer()
await producer.connect()
drain.onClose(() => producer.disconnect(), { name: 'producer' })

const consumer = kafka.consumer({ groupId: 'invoices' })
await consumer.connect()
await consumer.subscribe({ topic: 'orders', fromBeginning: true })
drain.onClose(() => consumer.disconnect(), { name: 'consumer', timeout: 1000 })

const run = () =>
  consumer.run({
    async eachMessage({ message: { key, value } }) {
      const order = JSON.parse(String(value))
      await producer.send({
        topic: 'invoices',
        messages: [{ key, value: JSON.stringify({ order: order.id, total: order.price * order.quantity }) }],
      })
    },
  })

// run() and stop() are called one after the other. stop() does nothing while the consumer joins its group, and run() does nothing
// while the consumer stops.
let turn = run()
drain.onDrain(() => {
  // Leaves the group when the current message is finished, so that other consumers get the partitions before this process exits.
  turn = turn.then(() => consumer.stop())
  drain.waitUntil(turn, { name: 'messages' })
})
drain.onResume(() => {
  turn = turn.then(run)
})

server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
  console.log('listening', server.address())
})
