import { onTestFinished } from 'vitest'
import { resolveOptions } from '../src/index.js'
import { createAddresses } from '../src/pods/addresses.js'
import { Pod, type PodSpec } from '../src/pods/pod.js'

const plan = resolveOptions({ command: 'node' })

/** A pod that runs a command, and is killed when the test is over. */
export async function startPod(
  [command, ...args]: readonly [string, ...string[]],
  more: Partial<PodSpec> = {},
): Promise<Pod> {
  const addresses = await createAddresses(plan)
  const spec = { ...plan, command, args, cwd: __dirname, env: {}, pidNamespace: false, ...more }
  const pod = new Pod('pod', true, spec, await addresses.next())
  onTestFinished(async () => {
    pod.signal('SIGKILL')
    await pod.exited
  })
  return pod
}
