import { fork } from 'node:child_process'
import path from 'node:path'
import type { Result } from '@podrain/contract'
import type { Case } from './verdict.js'

const child = path.join(__dirname, '../../dist/score/child.js')

/** Milliseconds after which a process is killed: more than the time limit of a test. */
const patience = 30_000

/** Runs the test of one behaviour in its own process. */
export function look({ subject, room, behaviour }: Case): Promise<Result> {
  return new Promise((resolve) => {
    const running = fork(child, [subject.name, room.name, behaviour.name], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    })
    const timer = setTimeout(() => running.kill('SIGKILL'), patience)
    let errors = ''
    let result: Result | undefined
    running.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-2000)
    })
    running.on('message', (message: Result) => {
      result ??= message
      // The first message is the result, so the process is no longer needed.
      running.kill('SIGKILL')
    })
    running.on('close', (code, signal) => {
      clearTimeout(timer)
      const why = `the process ended with ${signal ?? code} and no verdict ${errors.trim().split('\n').at(-1) ?? ''}`
      resolve(result ?? { outcome: 'broken', why: why.trim() })
    })
  })
}
