import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { app, fixture, short, start } from './support.js'

/** Long enough to be in the middle of it. */
const long = [...short, '--replicas', '2', '--warm-up', '60s', '--ready', '/readyz', '--prestop', 'none', '--get', '/']

/** The pods by the titles that they have written down. */
const pidsIn = (directory: string) => readdirSync(directory)

/** Whether the process is there; one that is dead and only not buried yet is not. */
function isAlive(title: string): boolean {
  const { stdout } = spawnSync('ps', ['-eo', 'stat=,args='], { encoding: 'utf8' })
  return stdout.split('\n').some((line) => line.includes(title) && !line.startsWith('Z'))
}

async function whenGone(pids: readonly string[]): Promise<void> {
  while (pids.some(isAlive)) await sleep(20)
}

function rehearsal(command: readonly string[] = app) {
  const pids = mkdtempSync(join(tmpdir(), 'podrain-'))
  return { pids, ...start(['rehearse', ...long, ...command], { PIDS: pids }) }
}

describe.concurrent('a rehearsal that is ended', () => {
  test.for(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)(
    'by %s leaves no pod, and dies of it',
    async (signal) => {
      const { child, done, said, pids } = rehearsal()
      await said('warming up')
      const pods = pidsIn(pids)
      expect(pods.filter(isAlive)).toHaveLength(2)
      child.kill(signal)
      expect(await done).toMatchObject({ code: null, signal })
      expect(pods.filter(isAlive)).toEqual([])
    },
  )

  test('after the scenario has begun says what is known, writes it, and dies of it', async () => {
    const json = join(mkdtempSync(join(tmpdir(), 'podrain-')), 'result.json')
    const flags = ['--warm-up', '500ms', '--prestop', 'sleep:60s', '--grace', '90s', '--json', json]
    const { child, done, said } = start(['rehearse', ...short, ...flags, '--get', '/', ...app])
    await said('rolling update')
    child.kill('SIGINT')
    const { signal, stdout } = await done
    expect(signal).toBe('SIGINT')
    expect(stdout).toContain('Cut short. The rehearsal was aborted: it was ended by SIGINT. Nothing lost of the ')
    const { incomplete, summary } = JSON.parse(readFileSync(json, 'utf8'))
    expect(incomplete).toBe('The rehearsal was aborted: it was ended by SIGINT')
    expect(summary.verdict).toBe('cut short')
  })

  test('before anything is done in a later one of several tells what the earlier ones have shown, and writes it', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'podrain-'))
    const [json, junit] = [join(directory, 'results.json'), join(directory, 'junit.xml')]
    const flags = ['--repeat', '3', '--warm-up', '2s', '--json', json, '--junit', junit]
    const { child, done, said } = start(['rehearse', ...short, ...flags, ...app])
    await said('warming up', 2)
    child.kill('SIGINT')
    const { signal, stdout, stderr } = await done
    expect(signal).toBe('SIGINT')
    expect(stdout).toMatch(/^\d+ of \d+ requests lost\b/m)
    expect(stderr).toContain('error: Rehearsal 2 of 3 has no result: it was ended by SIGINT')
    expect(JSON.parse(readFileSync(json, 'utf8')).options.seed).toBe(1)
    expect(readFileSync(junit, 'utf8')).toContain('Rehearsal 2 of 3 has no result')
  })

  test('by an impatient double Ctrl-C leaves no pod either', async () => {
    const { child, done, said, pids } = rehearsal()
    await said('warming up')
    const pods = pidsIn(pids)
    child.kill('SIGINT')
    child.kill('SIGINT')
    const { code, signal } = await done
    // Both may arrive as one.
    expect([130, 'SIGINT']).toContain(code ?? signal)
    await whenGone(pods)
  })

  test('takes along what a pod has started itself', async () => {
    const command = ['--', 'sh', '-c', `"${process.execPath}" "${fixture('app.mjs')}" & wait`]
    const { child, done, said, pids } = rehearsal(command)
    await said('warming up')
    const pods = pidsIn(pids)
    expect(pods.filter(isAlive)).toHaveLength(2)
    child.kill('SIGINT')
    await done
    await whenGone(pods)
  })

  test('by SIGKILL, which nobody can answer, leaves no pod', async () => {
    const { child, done, said, pids } = rehearsal()
    await said('warming up')
    const pods = pidsIn(pids)
    child.kill('SIGKILL')
    await done
    await whenGone(pods)
  })

  test('in its first look at the app leaves no pod', async () => {
    const pids = mkdtempSync(join(tmpdir(), 'podrain-'))
    // It never becomes ready, so the look lasts.
    const { child, done } = start(['rehearse', ...app], { PIDS: pids, ANSWERS: '{"/readyz":503}' })
    while (pidsIn(pids).length === 0) await sleep(20)
    child.kill('SIGINT')
    const nothing = 'No result: the rehearsal was ended before anything was done to the pods.\n'
    expect(await done).toMatchObject({ signal: 'SIGINT', stdout: nothing, stderr: '' })
    expect(pidsIn(pids).filter(isAlive)).toEqual([])
  })
})
