/** The relay's own thread, so that its traffic delays neither the kubelet nor the clients. */
import { parentPort, workerData } from 'node:worker_threads'
import { HeldUp } from '../../shared/held-up.js'
import type { FromRelay, RelayPlan, ToRelay } from './messages.js'
import { Relay } from './relay.js'

/** Milliseconds from one tick to the next. */
const tickEvery = 50

function tell(message: FromRelay): void {
  parentPort?.postMessage(message)
}

const relay = new Relay(workerData as RelayPlan, (seen) => tell({ type: 'seen', seen }))
parentPort?.on('message', (message: ToRelay) => {
  if (message.type === 'route') relay.route(message.endpoints)
  else relay.lose(message.pod)
})
const heldUp = new HeldUp()
heldUp.start()
setInterval(() => tell({ type: 'tick', answered: relay.take(), eventLoopDelayMs: heldUp.longest }), tickEvery)
void relay.listen().then((port) => tell({ type: 'listening', port }))
