import { createServer } from 'node:http'
import { Forwarder, tunnel } from '../rehearsal-internals.js'
import { host, port } from './address.js'

// The proxy of @podrain/rehearsal with keep-alive connections to the Service, for clusters without an image of nginx.

const upstream = new URL(process.env.UPSTREAM ?? 'http://app')
const place = { host: upstream.hostname, port: Number(upstream.port || 80) }
const forwarder = new Forwarder({ listen: { host, port }, upstream: place, keepAlive: 64, retries: 0 })
const server = createServer({ keepAliveTimeout: 75_000, requestTimeout: 0, noDelay: true }, (request, response) => {
  forwarder.forward(request, response)
})
server.on('upgrade', (request, socket, head) => tunnel(place, request, socket, head))
server.listen(port, host, () => console.log('listening', server.address()))
