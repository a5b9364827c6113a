import { subscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:net'
import type { Drain } from '@podrain/core'
import { OwnDrain } from '../../auto/src/own-drain.js'
import type { OurNeed } from '../src/behaviours/behaviour.js'
import { serve, servers } from '../src/subjects/node.js'
import { abilities, optionsOf } from '../src/subjects/ours.js'
import type { OurRunning, OurSubject } from '../src/subjects/subject.js'
import { describeContract } from './describe.js'

/** Called when a server listens, as `@podrain/auto` does. Each subject has its own function, because each has its own times. */
const onListen = new WeakMap<Server, () => void>()
subscribe('tracing:net.server.listen:asyncStart', (message) => onListen.get((message as { server: Server }).server)?.())

/** The needs that an application without podrain in its code does not meet: a signal for handlers, and a drain before it listens. */
const lacks: readonly OurNeed[] = ['signal', 'beforehand']

const subjects: OurSubject[] = Object.entries(servers).map(([name, { has, create }]) => ({
  name: `${name} under @podrain/auto`,
  has: [...has, ...abilities.filter((ability) => !lacks.includes(ability)), 'handlers'],
  async start(application): Promise<OurRunning> {
    const server = await create()
    serve(server, application)
    const own = new OwnDrain(optionsOf(application))
    let drain: Drain | undefined
    onListen.set(server, () => {
      drain = own.watch(server) ?? drain
    })
    return {
      server,
      get drain() {
        return drain as Drain
      },
      // Without a server there is no drain: the signal ends the process.
      terminate: async () => (drain && !(await drain.start()).clean ? 1 : 0),
      inFlight: () => drain?.inFlight ?? 0,
      dispose: async () => drain?.dispose(),
    }
  },
}))

describeContract(...subjects)
