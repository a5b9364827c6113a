// Measures the processor time of pods, with the API in another process. Arguments: version, pods, sample.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from '../child.js'
import { ours } from '../ours.js'
import { VirtualClock } from './clock.js'
import type { Processor, Version } from './data.js'
import { Pods, type Setup } from './kubelet.js'
import { seed } from './random.js'
import { afterRollout, minute, warm } from './terms.js'
import type { Answer, Question } from './world.js'

type Times = Pick<Processor, 'start' | 'hour' | 'rollout'>

/** Virtual milliseconds that pass in one step: where much happens, and where little happens. */
const [fine, coarse] = [250, 5000]
/** Real milliseconds after each step, in which messages arrive over loopback. */
const real = 2

/** Processor time per pod, in milliseconds. */
async function timesOf(pods: number, sample: number, packages: Pick<Setup, 'core' | 'kubernetes'>): Promise<Times> {
  seed(1)
  const world = new Child(join(__dirname, 'world.js'), [String(pods), String(sample)])
  try {
    const server = `http://127.0.0.1:${await world.receive<number>()}`
    const kubeConfig = {
      getCurrentCluster: () => ({ server }),
      getCurrentUser: () => ({}),
      async applyToHTTPSOptions() {},
    }
    const clock = new VirtualClock()
    const running = new Pods({ ...packages, clock, kubeConfig, annotations: false })
    let gone: string[] = []
    let settled = true
    const pass = async (ms: number, act: Pick<Question, 'act'> = {}): Promise<void> => {
      const question: Question = { pass: ms, gone, ...act }
      gone = []
      const answer = await world.ask<Answer>(question)
      clock.advanceTo(clock.now() + ms)
      for (const pod of answer.start) running.start(pod)
      for (const pod of answer.terminate) running.terminate(pod, () => void gone.push(pod))
      settled = answer.settled
      await sleep(real)
    }
    const during = async (act: () => Promise<void>): Promise<number> => {
      const before = process.cpuUsage()
      await act()
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1000 / sample
    }
    const passAll = async (ms: number, step: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += step) await pass(step)
    }
    const start = await during(async () => {
      await pass(fine, { act: 'start' })
      await passAll(warm, fine)
    })
    const hour = await during(() => passAll(60 * minute, coarse))
    const rollout = await during(async () => {
      await pass(fine, { act: 'roll over' })
      while (!settled) await pass(fine)
      await passAll(afterRollout, fine)
    })
    running.stop()
    return { start, hour, rollout }
  } finally {
    await world.kill()
  }
}

async function main(): Promise<void> {
  const [version = 'after', pods = 10, sample = 10] = process.argv.slice(2)
  const beside = version === ('before' satisfies Version)
  const core = ours('core', beside)
  const size = [Number(pods), Number(sample)] as const
  const without = await timesOf(...size, { core, kubernetes: undefined })
  const withPackage = await timesOf(...size, { core, kubernetes: ours('kubernetes', beside) })
  const added = (of: keyof Times): number => withPackage[of] - without[of]
  const processor: Processor = {
    version: version as Version,
    pods: size[0],
    sample: size[1],
    start: added('start'),
    hour: added('hour'),
    rollout: added('rollout'),
  }
  console.log(JSON.stringify(processor))
  process.exit()
}

void main()
