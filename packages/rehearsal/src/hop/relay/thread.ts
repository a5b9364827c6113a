/** Runs the relay in a thread of its own: neither the kubelet nor the clients are held up by what passes through. */
import { parentPort, workerData } from 'node:worker_threads'
import type { FromRelay, RelayPlan, ToRelay } from './messages.js'
import { Relay } from './relay.js'

/** Milliseconds from one count of the answers to the next. */
const countEvery = 50

function tell(message: FromRelay): void {
  parentPort?.postMessage(message)
}

const relay = new Relay(workerData as RelayPlan, (seen) => tell({ type: 'seen', seen }))
parentPort?.on('message', (message: ToRelay) => {
  if (message.type === 'route') relay.route(message.endpoints)
  else relay.lose(message.pod)
})
setInterval(() => {
  const answered = relay.take()
  if (Object.keys(answered).length > 0) tell({ type: 'answered', answered })
}, countEvery)
void relay.listen().then((port) => tell({ type: 'listening', port }))
