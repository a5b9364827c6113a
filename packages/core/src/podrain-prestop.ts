#!/usr/bin/env node
// The preStop hook without network, for `exec`. It needs neither shell nor curl. The command asks the process over its
// `controlSocket` to drain, and exits when the pod may be signalled. The kubelet sends SIGTERM after any exit code. If the
// code is not 0, the command's stderr appears in the pod's events (FailedPreStopHook).
import http from 'node:http'
import { json } from 'node:stream/consumers'
import { defaultSocket } from './endpoints/control-listener.js'
import type { DrainStatus } from './shared/states.js'

/** Exit code: load balancers have stopped sending, and requests and tasks have finished. */
const settled = 0
/** Exit code: the time was over before that. What is still open will be cut. */
const unsettled = 1
/** Exit code: no process answered. */
const unreachable = 2

const [socketPath = process.env.PODRAIN_SOCKET ?? defaultSocket] = process.argv.slice(2)

function end(code: number, message: string): void {
  process.stderr.write(`podrain-prestop: ${message}\n`)
  process.exitCode = code
}

const request = http.get({ socketPath, path: '/prestop', agent: false }, async (response) => {
  try {
    const { state, inFlight, tasks } = (await json(response)) as DrainStatus
    const open = [`${inFlight} in flight`, ...(tasks.length > 0 ? [`tasks: ${tasks.join(', ')}`] : [])].join(', ')
    // Status 503 means that too many callers wait already. `serving` means that no signal came, and the drain was undone.
    const isSettled = response.statusCode === 200 && state !== 'serving' && inFlight + tasks.length === 0
    end(isSettled ? settled : unsettled, `${state}, ${open}`)
  } catch (error) {
    end(unreachable, `the response (status ${response.statusCode}) is not from podrain: ${(error as Error).message}`)
  }
})
request.on('error', (error) =>
  end(
    unreachable,
    `${error.message}; is the option \`controlSocket\` set in the application, and \`${socketPath}\` its path? ` +
      'Another path is this command’s argument, or the environment variable PODRAIN_SOCKET',
  ),
)
