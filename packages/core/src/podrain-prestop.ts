#!/usr/bin/env node
// The preStop hook without network, for `exec`: no shell, no curl. It asks the process over its `controlSocket` to drain and
// ends when the pod may be signalled. Whether it says 0 or not, the kubelet goes on with SIGTERM; what it prints to stderr
// shows in the pod's events (FailedPreStopHook) when the code is not 0.
import http from 'node:http'
import { defaultSocket } from './endpoints/control-listener.js'
import type { DrainStatus } from './shared/states.js'

/** Nothing is left to wait for. */
const settled = 0
/** The time ran out first: what is still open will be cut. */
const unsettled = 1
/** Nobody was there to drain. */
const unreachable = 2

const [socketPath = process.env.PODRAIN_SOCKET ?? defaultSocket] = process.argv.slice(2)

function end(code: number, message: string): void {
  process.stderr.write(`podrain-prestop: ${message}\n`)
  process.exitCode = code
}

const request = http.get({ socketPath, path: '/prestop', agent: false }, async (response) => {
  let body = ''
  try {
    for await (const chunk of response.setEncoding('utf8')) body += chunk
    const { state, inFlight, tasks } = JSON.parse(body) as DrainStatus
    const open = [`${inFlight} in flight`, ...(tasks.length > 0 ? [`tasks: ${tasks.join(', ')}`] : [])].join(', ')
    // Not 200: too many callers wait already. Serving: nobody meant it, and the drain was undone.
    const isSettled = response.statusCode === 200 && state !== 'serving' && inFlight + tasks.length === 0
    end(isSettled ? settled : unsettled, `${state}, ${open}`)
  } catch (error) {
    end(
      unreachable,
      `an answer of status ${response.statusCode} that is none of podrain's: ${(error as Error).message}`,
    )
  }
})
request.on('error', (error) =>
  end(
    unreachable,
    `${error.message}; is the option \`controlSocket\` set in the application, and \`${socketPath}\` its path? ` +
      'Another path is this command’s argument, or the environment variable PODRAIN_SOCKET',
  ),
)
