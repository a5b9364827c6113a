import { strict as assert } from 'node:assert'
import { describe, expect, test } from 'vitest'
import { reasonOf } from '../src/reason.js'
import type { Result } from '../src/run.js'
import { askAll, outcome } from '../src/verdict.js'

describe('A reason', () => {
  test('has the actual and the expected value', () => {
    expect(reasonOf(caught(() => assert.equal(1, 0, 'the exit code')))).toBe('the exit code: 1 in place of 0')
    expect(reasonOf(caught(() => assert.equal(137, 0)))).toBe('137 (SIGKILL) in place of 0')
    expect(reasonOf(caught(() => assert.match('', /hello/)))).toBe("'' is not like /hello/")
  })

  test('is the same in every run', () => {
    expect(reasonOf(new Error('connect ECONNREFUSED 127.0.0.1:40001'))).toBe('connect ECONNREFUSED')
    expect(reasonOf(new Error('it took 4903 ms of 5000'))).toBe('it took 4.9 s of 5')
  })
})

describe('A verdict', () => {
  const kept: Result = { outcome: 'kept' }
  const broken: Result = { outcome: 'broken', why: 'no' }

  test('is “broken” if both runs were broken', () => {
    expect(outcome({ result: broken, again: broken })).toBe('broken')
    expect(outcome({ result: broken, again: kept })).toBe('kept')
  })

  test('comes from a second run, alone, if the first run was broken', async () => {
    let running = 0
    const beside: number[] = []
    const ask = async (results: Result[]): Promise<Result> => {
      beside.push(++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
      return results.shift() as Result
    }
    const told: string[] = []
    const cases = [[kept], [broken, kept], [broken, broken]].map((results) => ({ results }))
    const verdicts = await askAll(
      cases,
      3,
      ({ results }) => ask(results),
      (verdict) => told.push(outcome(verdict)),
    )
    expect(verdicts.map(outcome)).toEqual(['kept', 'kept', 'broken'])
    expect(beside).toEqual([1, 2, 3, 1, 1])
    expect(told).toEqual(['kept', 'broken', 'broken', 'kept', 'broken'])
  })
})

function caught(act: () => void): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  return undefined
}
