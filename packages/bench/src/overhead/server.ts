/**
 * The server of one contender, in its own process. For each message it sends the processor time that it has used.
 *
 *     node server.js <framework> <contender>
 */
import type { AddressInfo } from 'node:net'
import { createContender } from './contenders.js'

const { exit } = process // some contenders replace process.exit
const [framework = '', contender = ''] = process.argv.slice(2)

/** Processor time of all threads, in microseconds. */
function cpu(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

process.on('message', () => process.send?.(cpu()))
process.on('disconnect', () => exit.call(process, 0))

createContender(framework, contender).then((server) => {
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
})
