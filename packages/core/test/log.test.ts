import { describe, expect, test, vi } from 'vitest'
import { namedLogger } from '../src/shared/log.js'
import { Log } from './support.js'

describe('a line in the log', () => {
  test.each([
    [undefined, 'podrain'],
    ['worker 2', 'podrain (worker 2)'],
  ])('names podrain, and the worker if there are several: %s', (worker, name) => {
    const log = new Log()
    const toStderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const logger = namedLogger(log, worker)
    logger.info('one')
    logger.warn('two')
    logger.error('three')
    logger.alarm('four')
    logger.record('info', 'five', {})
    logger.record('alarm', 'six', {})
    expect(log.lines).toEqual([
      `info ${name}: one`,
      `warn ${name}: two`,
      `error ${name}: three`,
      `error ${name}: four`,
      `info ${name}: five`,
      `error ${name}: six`,
    ])
    expect(toStderr).not.toHaveBeenCalled()
  })

  test('is written to stderr if the logger writes nothing, but only if it is an alarm', () => {
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const logger = namedLogger(false, 'worker 2')
    logger.info('one')
    logger.warn('two')
    logger.error('three')
    logger.alarm('four')
    logger.record('info', 'five', {})
    logger.record('alarm', 'six', {})
    expect(written.mock.calls).toEqual([['podrain (worker 2): four\n'], ['podrain (worker 2): six\n']])
  })
})

describe('the fields of a report', () => {
  const fields = { drain: { clean: true } }

  test.each(['text', 'json'] as const)('go to pino as an object, with the format %s', (format) => {
    const pino = { bindings: () => ({}), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
    const logger = namedLogger(pino, undefined, format)
    logger.record('info', 'drained', fields)
    logger.record('alarm', 'drained', fields)
    expect(pino.info.mock.calls).toEqual([[fields, 'podrain: drained']])
    expect(pino.error.mock.calls).toEqual([[fields, 'podrain: drained']])
  })

  test('are in the line with `reportFormat: json`, and otherwise not', () => {
    const log = new Log()
    namedLogger(log).record('info', 'drained', fields)
    namedLogger(log, undefined, 'json').record('info', 'drained', fields)
    expect(log.lines).toEqual(['info podrain: drained', 'info {"message":"podrain: drained","drain":{"clean":true}}'])
  })
})
