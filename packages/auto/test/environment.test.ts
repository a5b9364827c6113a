import { describe, expect, test } from 'vitest'
import { App, fixture, preload } from './support.js'

describe.concurrent('a variable of podrain', () => {
  test.each([['node.mjs'], ['idle.mjs']])(
    'that is wrong ends the process before the application starts (%s)',
    async (file) => {
      const app = new App([...preload, fixture(file)], { PODRAIN_SETTLE_MIN: '-5' })
      expect(await app.exit).toEqual([1, null])
      expect(app.output).toContain('TypeError: Expected PODRAIN_SETTLE_MIN to be 0 or more milliseconds, got `-5`')
      expect(app.output).not.toMatch(/^listen/m)
    },
  )

  test.each<[env: Record<string, string>, message: string]>([
    [{ PODRAIN_AUTO: 'yes' }, 'Expected PODRAIN_AUTO to be true or false, got `yes`'],
    [{ PODRAIN_GRACE: '30' }, 'Unknown environment variable PODRAIN_GRACE: the names are those of the options'],
  ])('%o is an error that says what is wrong', async (env, message) => {
    const app = new App([...preload, fixture('idle.mjs')], env)
    expect(await app.exit).toEqual([1, null])
    expect(app.output).toContain(`TypeError: ${message}`)
  })

  test('that is right is used', async () => {
    const app = await App.serve([fixture('node.mjs')], { PODRAIN_SIGNALS: 'SIGHUP', PODRAIN_LOGGER: 'false' })
    app.process.kill('SIGHUP')
    expect(await app.exit).toEqual([0, null])
    expect(app.output).toMatch(/^listening \d+$/)
  })
})
