/** A thread that runs one crowd, so that its clients delay nothing but each other. */
import { parentPort, workerData } from 'node:worker_threads'
import { HeldUp } from '../shared/held-up.js'
import { Crowd, type CrowdPlan } from './crowd.js'
import type { FromThread, ToThread } from './messages.js'

/** ms from one tick to the next. */
const tickEvery = 100

function tell(message: FromThread): void {
  parentPort?.postMessage(message)
}

const heldUp = new HeldUp()
const crowd = new Crowd(workerData as CrowdPlan, {
  onLost: (client, loss, t) => tell({ type: 'lost', client, loss, t }),
  onExhausted: () => tell({ type: 'exhausted' }),
})
let ticking: NodeJS.Timeout | undefined

function tick(): void {
  tell({ type: 'tick', tick: crowd.tick(), eventLoopDelayMs: heldUp.longest })
}

function start(): void {
  heldUp.start()
  crowd.start()
  ticking = setInterval(tick, tickEvery)
}

async function end(): Promise<void> {
  await crowd.end()
  clearInterval(ticking)
  heldUp.stop()
  tick()
  tell({ type: 'ended' })
}

parentPort?.on('message', (message: ToThread) => {
  if (message.type === 'route') crowd.route(message.endpoints, message.node)
  else if (message.type === 'gone') crowd.lose(message.pod)
  else if (message.type === 'end') void end()
  else {
    if (message.type === 'start') start()
    else tick()
    tell({ type: 'told' })
  }
})
tell({ type: 'ready' })
