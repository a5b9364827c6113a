// Runs one simulation in its own process. Arguments: version, seed, and the parameters in JSON.
import { ours } from '../ours.js'
import type { Order, Run, Version } from './data.js'
import { seed } from './random.js'
import { simulate } from './scenarios.js'

async function main(): Promise<void> {
  const [version = 'after', number = '1', text = '{}'] = process.argv.slice(2)
  const order: Order = JSON.parse(text)
  seed(Number(number))
  const beside = version === ('before' satisfies Version)
  const begun = performance.now()
  const figures = await simulate(order, { core: ours('core', beside), kubernetes: ours('kubernetes', beside) })
  const run: Run = { version: version as Version, ...order, ...figures, took: (performance.now() - begun) / 1000 }
  console.log(JSON.stringify(run))
  process.exit()
}

void main()
