/**
 * What a rehearsal costs: the size of its result and its page, however much was lost; and whether many pods and clients hold up
 * the kubelet that is played. Each is measured in a process of its own.
 *
 *     node rehearsal.js [--minutes 10] [--seconds 20] [--only results]
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { options } from './options.js'
import type { Rendered } from './rehearsal/result.js'
import type { Rehearsed } from './rehearsal/run.js'

async function run<Data>(name: string, ...args: (string | number)[]): Promise<Data> {
  const command = [join(__dirname, 'rehearsal', `${name}.js`), ...args.map(String)]
  const { stdout } = await promisify(execFile)(process.execPath, command, { maxBuffer: 1e8 })
  return JSON.parse(stdout)
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)
const count = (number: number): string => number.toLocaleString('en-US')

async function results(minutes: number): Promise<void> {
  console.log(`A result of ${minutes} minutes, with 100 ms from sample to sample\n`)
  console.log(
    '| pods | lost | JSON | page | summed up in | page drawn in | memory at most |\n|--:|--:|--:|--:|--:|--:|--:|',
  )
  for (const pods of [3, 30, 100]) {
    for (const lost of [1000, 20_000, 200_000]) {
      const { json, page, concluded, rendered, memory } = await run<Rendered>('result', pods, lost, minutes)
      const times = `${(concluded / 1000).toFixed(1)} s | ${(rendered / 1000).toFixed(1)} s`
      const sizes = `${megabytes(json)} MB | ${megabytes(page)} MB`
      console.log(`| ${pods} | ${count(lost)} | ${sizes} | ${times} | ${megabytes(memory)} MB |`)
    }
  }
}

async function rehearsals(seconds: number): Promise<void> {
  console.log(`\nRehearsals that are ended ${seconds} s after they began\n`)
  console.log(
    '| replicas | clients | requests | kubelet held up | clients held up | memory at most | verdict |\n|--:|--:|--:|--:|--:|--:|---|',
  )
  for (const replicas of [30, 100]) {
    for (const clients of [200, 2000]) {
      const { requests, heldUp, loadHeldUp, memory, verdict } = await run<Rehearsed>('run', replicas, clients, seconds)
      const held = `${heldUp} ms | ${loadHeldUp} ms`
      console.log(
        `| ${replicas} | ${count(clients)} | ${count(requests)} | ${held} | ${megabytes(memory)} MB | ${verdict} |`,
      )
    }
  }
}

async function main(): Promise<void> {
  const { minutes, seconds, only } = options({ minutes: 10, seconds: 20, only: 'all' })
  if (only !== 'rehearsals') await results(minutes)
  if (only !== 'results') await rehearsals(seconds)
}

void main()
