/**
 * Runs the demo several times, each time with another seed, and checks its promises. With podrain, none of at least 5,000 requests
 * is lost, and every old pod exits in time. Without podrain, requests are lost in every run.
 *
 *     node .ci/repeat/demo.mjs [--times 20]
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { numberOf } from '../shared/arguments.mjs'

const { values } = parseArgs({ options: { times: { type: 'string', default: '20' } } })
const times = numberOf('times', values.times)
// settle.min + the longer of (the longest request, 2 s; the keep-alive cap, 5 s) + 2 s
const goneWithin = 5000 + Math.max(2000, 5000) + 2000
const file = join(mkdtempSync(join(tmpdir(), 'podrain-')), 'demo.json')
let failures = 0

for (let run = 1; run <= times; run++) {
  const begun = performance.now()
  const { status, stderr } = spawnSync(
    process.execPath,
    ['examples/demo/demo.js', '--seed', String(run), '--json', file],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`run ${run} exited with ${status}: ${stderr}`)
  const seconds = ((performance.now() - begun) / 1000).toFixed(0)
  const { runs } = JSON.parse(readFileSync(file, 'utf8'))
  const cells = runs.map(({ framework, podrain, total, lost, lostByCause, oldPodsGoneAfterMs, eventLoopDelayMs }) => {
    const gone = oldPodsGoneAfterMs.max
    const kept = podrain ? lost === 0 && total >= 5000 && gone <= goneWithin : lost > 0
    if (!kept) failures++
    const causes = podrain && lost > 0 ? ` ${JSON.stringify(lostByCause)} held up ${eventLoopDelayMs} ms` : ''
    return `${kept ? '' : 'FAILED '}${framework}${podrain ? '+podrain' : ''} ${lost}/${total} ${(gone / 1000).toFixed(1)}s${causes}`
  })
  console.log(`run ${run} (${seconds} s): ${cells.join(', ')}`)
}
console.log(failures === 0 ? 'every promise kept' : `${failures} promises broken`)
process.exit(failures === 0 ? 0 : 1)
