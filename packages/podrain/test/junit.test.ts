import { readFileSync } from 'node:fs'
import { conclude, type Rehearsal, type RehearsalEvent } from '@podrain/rehearsal'
import { describe, expect, test } from 'vitest'
import { validateXML } from 'xmllint-wasm'
import { sampleRehearsal } from '../../rehearsal/test/sample.js'
import { renderJUnit, renderJUnitError } from '../src/junit.js'
import { fixture } from './support.js'

const schema = { fileName: 'junit.xsd', contents: readFileSync(fixture('junit.xsd'), 'utf8') }

/** What may come from an app, its output or its command, and breaks XML that does not expect it. */
const nasty = '</failure> ]]> & "quoted" \u0000 \u001b[31mred\u001b[0m \ufffe \ud800 é 🙂'

async function errorsIn(xml: string): Promise<string[]> {
  const { errors } = await validateXML({ xml: { fileName: 'junit.xml', contents: xml }, schema })
  return errors.map(({ message }) => message)
}

/** The sample, every loss of which says something nasty. */
function sample(): Rehearsal {
  const result = sampleRehearsal(nasty)
  const events = result.events.map((event) => (event.type === 'lost' ? { ...event, why: nasty } : event))
  return { ...result, events }
}

describe('the JUnit file', () => {
  test('counts losses that the result only counts', () => {
    const result = sampleRehearsal()
    const loss = result.events.find((event) => event.type === 'lost' && event.client === 'post')
    if (loss?.type !== 'lost') throw new Error('the sample has no such loss')
    const more: RehearsalEvent = {
      t: 4300,
      type: 'more-lost',
      like: loss,
      counts: [
        [4300, 30],
        [4500, 9],
      ],
    }
    const xml = renderJUnit([conclude(result.options, [...result.events, more], result.samples)], 0)
    expect(xml).toContain('message="40 of 9 requests lost"')
    expect(xml).toContain('… and 39 more')
  })

  test('is what readers of JUnit XML expect, whatever the app says', async () => {
    expect(await errorsIn(renderJUnit([sample()], 0))).toEqual([])
    expect(await errorsIn(renderJUnit([sample()], 1000))).toEqual([])
    expect(await errorsIn(renderJUnitError(nasty, new Error(`The app ended.\n${nasty}`)))).toEqual([])
  })

  test('has a test case for each kind of client, failed if any of its requests was lost', () => {
    const result = sample()
    const xml = renderJUnit([result], 0)
    const cases = [...xml.matchAll(/<testcase [^>]*name="(\w+) clients lose nothing"/g)].map(([, kind]) => kind)
    const asked = Object.entries(result.summary.requestsByClient).filter(([, count]) => count > 0)
    expect(cases).toEqual(asked.map(([kind]) => kind))
    const losers = Object.entries(result.summary.lostByClient).filter(([, count]) => count > 0)
    for (const [kind, lost] of losers) {
      const requests = result.summary.requestsByClient[kind as keyof typeof result.summary.requestsByClient]
      expect(xml).toContain(`<failure message="${lost} of ${requests} requests lost" type="LostRequests">`)
    }
    expect(xml.match(/<failure /g)).toHaveLength(losers.length)
  })

  test('has no failure, but still the losses, when they were allowed', () => {
    const xml = renderJUnit([sample()], 1000)
    expect(xml).toContain('<testsuites tests="6" failures="0" errors="0" skipped="0">')
    expect(xml).toContain('<system-out>')
  })

  test('of an app that did not start has an error', () => {
    const xml = renderJUnitError('node server.js', new Error('The app ended by itself with code 3.\nno database'))
    expect(xml).toContain('<testsuites tests="1" failures="0" errors="1" skipped="0">')
    expect(xml).toContain('<error message="The app ended by itself with code 3." type="NotRehearsed">')
    expect(xml).toContain('no database')
  })
})
