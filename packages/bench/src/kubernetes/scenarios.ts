import type { Trouble } from './api.js'
import { type Absence, absences, type Counted, type Order, type Phase, type Run, type Scenario } from './data.js'
import type { Setup } from './kubelet.js'
import { Simulation } from './simulation.js'
import { afterRollout, longestRollout, minute, startWithin, warm } from './terms.js'

/** Requests in flight on average, in pods that write annotations. */
const meanInFlight = 6
/** Milliseconds after an absence in which the pods must have their watches again. */
const longestReturn = 60 * minute

const ofAbsence: { readonly [A in Absence]: { readonly ms: number; readonly trouble?: Trouble } } = {
  'refused for 6 s': { ms: 6000 },
  refused: { ms: minute },
  hanging: { ms: minute, trouble: 'hangs' },
  '503': { ms: minute, trouble: { status: 503 } },
  '429': { ms: minute, trouble: { status: 429 } },
  '429 with Retry-After': { ms: minute, trouble: { status: 429, retryAfter: 1 } },
}

/** Runs one simulation. */
export async function simulate(
  { scenario, pods, services, sample }: Order,
  packages: Pick<Setup, 'core' | 'kubernetes'>,
): Promise<Pick<Run, 'phases' | 'again'>> {
  const annotations = scenario === 'writing annotations'
  const inFlight = (): number => poisson(meanInFlight)
  const simulation = new Simulation({ ...packages, pods, services, sample, annotations, inFlight })
  const { tally, workload, api } = simulation
  const phases: Phase[] = []
  const phase = (name: string, counted: Counted): void => void phases.push({ name, ...counted })
  try {
    if (scenario === 'forbidden') api.trouble = { status: 403 }
    workload.start(startWithin)
    await simulation.pass(warm)
    phase('start', tally.take())
    if (isAbsence(scenario)) return { phases, again: await interrupt(simulation, scenario, phase) }
    if (scenario === 'rolling over') {
      workload.rollOver()
      await simulation.until(() => workload.settled, longestRollout)
      await simulation.pass(afterRollout)
      phase('rollout', tally.take())
    } else {
      await simulation.pass(60 * minute)
      phase('hour', tally.take())
    }
    return { phases }
  } finally {
    await simulation.stop()
  }
}

/** Makes the API fail, then work again. Returns when the pods had their watches again. */
async function interrupt(
  simulation: Simulation,
  absence: Absence,
  phase: (name: string, counted: Counted) => void,
): Promise<Run['again']> {
  const { tally, wire, api, store } = simulation
  const watching = tally.open('pods')
  const { ms, trouble } = ofAbsence[absence]
  wire.listening = trouble !== undefined
  api.trouble = trouble
  wire.cut()
  await simulation.pass(ms)
  phase('away', tally.take())
  if (!absence.startsWith('429')) {
    // The API server has restarted, so clients that still wait for a response lose their connections.
    store.restart()
    wire.cut()
  }
  wire.listening = true
  api.trouble = undefined
  const back = simulation.clock.now()
  const again: Record<'50' | '99' | '100', number | null> = { '50': null, '99': null, '100': null }
  const record = (): void => {
    const seconds = (simulation.clock.now() - back) / 1000
    for (const percent of ['50', '99', '100'] as const) {
      if (tally.open('pods') >= (watching * Number(percent)) / 100) again[percent] ??= seconds
    }
  }
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      await simulation.pass(1000)
      record()
    }
  }
  await pass(10)
  phase('10 s', tally.take())
  await pass(50)
  phase('to a minute', tally.take())
  while (again['100'] === null && simulation.clock.now() - back < longestReturn) await pass(10)
  phase('to the end', tally.take())
  return again
}

function isAbsence(scenario: Scenario): scenario is Absence {
  return (absences as readonly string[]).includes(scenario)
}

/** A random number with a Poisson distribution: the requests in flight if requests arrive independently. */
function poisson(mean: number): number {
  let count = -1
  for (let product = 1; product > Math.exp(-mean); count++) product *= Math.random()
  return count
}
