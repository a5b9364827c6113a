// Keeps `status.activeTasks` of every Task (task-crd.yaml) equal to the number of tasks that its pods work on, so that people, policies and
// other controllers can wait for them. It requests /drainz of each pod, so the pods need no permission.
import { setTimeout as sleep } from 'node:timers/promises'
import { CoreV1Api, CustomObjectsApi, KubeConfig, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'

const config = new KubeConfig()
if (process.env.API) {
  config.loadFromOptions({
    clusters: [{ name: 'api', server: process.env.API, skipTLSVerify: true }],
    users: [{ name: 'me' }],
    contexts: [{ name: 'it', cluster: 'api', user: 'me' }],
    currentContext: 'it',
  })
} else config.loadFromDefault()
const core = config.makeApiClient(CoreV1Api)
const custom = config.makeApiClient(CustomObjectsApi)
const tasks = {
  group: 'podrain.example.com',
  version: 'v1',
  namespace: process.env.POD_NAMESPACE ?? 'default',
  plural: 'tasks',
}
const port = process.env.POD_PORT ?? '8080'

/** The number of tasks of each pod, by uid. A pod that does not respond may still work, so it keeps its last number. */
let known = new Map()
async function activeIn({ metadata, status }) {
  try {
    const response = await fetch(`http://${status.podIP}:${port}/drainz`, { signal: AbortSignal.timeout(2000) })
    return (await response.json()).tasks.length
  } catch (error) {
    console.log(`${metadata.name}: ${error.message}`)
    return known.get(metadata.uid) ?? 0
  }
}

async function update() {
  const { items } = await custom.listNamespacedCustomObject(tasks)
  const counted = new Map()
  for (const task of items) {
    const labelSelector = `podrain.example.com/task=${task.metadata.name}`
    const pods = await core.listNamespacedPod({ namespace: tasks.namespace, labelSelector })
    const listening = pods.items.filter(({ status }) => status?.podIP)
    const counts = await Promise.all(listening.map(activeIn))
    for (const [n, { metadata }] of listening.entries()) counted.set(metadata.uid, counts[n])
    const activeTasks = counts.reduce((sum, count) => sum + count, 0)
    if (task.status?.activeTasks === activeTasks) continue
    await custom.patchNamespacedCustomObjectStatus(
      { ...tasks, name: task.metadata.name, body: { status: { activeTasks } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    )
    console.log(`${task.metadata.name}: ${activeTasks} active`)
  }
  known = counted
}

const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop.abort())
while (!stop.signal.aborted) {
  await update().catch((error) => console.log(`trying again: ${error.message}`))
  await sleep(Number(process.env.EVERY ?? 5000), undefined, { signal: stop.signal }).catch(() => {})
}
