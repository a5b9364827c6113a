/**
 * One contender, listening, in a process of its own. Asked anything, it says how much of the processor it has used.
 *
 *     node server.js <framework> <contender>
 */
import type { AddressInfo } from 'node:net'
import { createContender } from './contenders.js'

const { exit } = process // some of them replace it
const [framework = '', contender = ''] = process.argv.slice(2)

/** Microseconds of all its threads. */
function cpu(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

process.on('message', () => process.send?.(cpu()))
process.on('disconnect', () => exit.call(process, 0))

createContender(framework, contender).then((server) => {
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
})
