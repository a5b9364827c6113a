import http from 'node:http'
import { drainServer } from '@podrain/core'
import { Kafka } from 'kafkajs'

// For the kubelet. Nobody else sends to a consumer, so there is no load balancer that has to learn that it goes.
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

// One after the other: stop() does nothing while the consumer joins its group, and run() nothing while it stops.
let turn = run()
drain.onDrain(() => {
  // Leaves the group when the message in progress is done, so that others get its partitions now and not at the exit.
  turn = turn.then(() => consumer.stop())
  drain.waitUntil(turn, { name: 'messages' })
})
drain.onResume(() => {
  turn = turn.then(run)
})

server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
  console.log('listening', server.address())
})
