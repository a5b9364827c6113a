import { cpus } from 'node:os'

/** The page docs/proof/faithfulness.md. */
export function pageOf(lines, differences) {
  return `# How faithful the rehearsal is

For whoever asks whether a rehearsal loses the requests that a real cluster loses. \`npx -y pnpm@10.34.9 faithful\` rehearses
applications that were measured on a real Kubernetes cluster, and writes this page. In each cell the cluster is on the left, and the
rehearsal is on the right. The rehearsal ran on a machine with ${cpus().length} cores and Node ${process.version}
(${new Date().toISOString().slice(0, 10)}). How many requests are lost depends on chance. So two things are compared: whether
requests are lost, and how long it takes until every old pod is gone (within 20 %). ${differences === 0 ? 'They agree.' : `**${differences} ${differences === 1 ? 'difference' : 'differences'}**, in bold.`}

- *The load.* A rolling restart replaces 3 replicas. 10 keep-alive clients send a request every 5–25 ms, and 10 clients open a connection for
  each request. A request takes 20 ms. Clients do not retry. The grace period is 30 s.
- *The cluster.* It has one node with Kubernetes 1.26, kube-proxy in iptables mode, containerd and Node 20.20.2. The kubelet counts the
  grace period as that of Kubernetes 1.28 does.
- *Rows with (1.35)* were measured on a second cluster: one node, Kubernetes 1.35, podrain 0.1.0. Their rehearsals have 30 more clients,
  which send a request every 1–8 s.

| app | lost on keep-alive connections, cluster / rehearsal | on new connections | of slow downloads | old pods gone after | the most frequent reason in the rehearsal |
|---|---|---|---|---|---|
${lines.join('\n')}

† Measured on the cluster before a fix in podrain: see the notes below.

“–” in place of a number means that it was not measured.

The last two rows are the sum of 4 restarts on both sides. The row with a sleep is the sum of 2 restarts in the rehearsal. In the last two
rows 3 more clients read 20 MB at 5 MB/s. The pods of their rehearsals each have a network namespace of their own (\`netns\`), which ends with the pod's process.

## What the rehearsal simulates, and what it does not

- *PID 1.* The kernel does not deliver a signal to PID 1 if PID 1 has no handler for it. Each pod is PID 1 of its own PID namespace, as on the
  cluster. The second row has a shell as its init, which passes SIGTERM on. The row with npm was not measured on the cluster. The row with a
  script was not measured either: its figures of the cluster are those of an app whose node did not get SIGTERM.
- *The time a pod takes to start.* \`startDelay\` of the rehearsal is 900 ms. On the cluster each pod took 2 s to become ready, and the readiness
  probe has a period of 1 s. The value is inferred from the measured totals.
- *Endpoint lag* is random. It is drawn from the minimum, the median and the maximum that were measured under load (126, 1074 and 1196 ms), and is linear in between.
- *The two rows with a hook of 5 s* took 40 s on the cluster and take 36 s in the rehearsal. In the rehearsal the last pod is deleted after
  6 s, and its 30 s include the hook. Kubelets from 1.22 until 1.28 started the grace period again after the hook, which makes 41 s. The cluster's
  kubelet did not do so with a hook of 7 s, where SIGKILL came after 10.0 of 10 s. Whether it did so in these rows is not known. The
  rehearsal counts as kubelets do since 1.28. One run with the sleep took 31.9 s, because the last two pods had only idle connections and exited by
  themselves.
- *A connection to a pod that is gone* hangs on the cluster. With \`netns\` it hangs in the rehearsal, too. Without \`netns\` the rehearsal
  delays the error by 3 s, as long as a kernel tries to resolve the address. Without that delay, the second row lost 183 new connections.
- *Through nginx and haproxy* the cluster restarted Fastify with podrain three times each. It lost 0 of 18,058 and 0 of 17,997 requests, and a
  restart took 10–11 s. On the cluster the proxy connects to the Service's address, and the kernel picks a pod for each connection. In the rehearsal a
  relay picks the pod. The relay accepts a connection before it connects to the pod.
- *Refused connections* depend on the random endpoint lags. For the third row, seeds 1, 2 and 3 gave 289, 256 and 158
  (\`node .ci/measure/faithful.mjs --no-write --only "SIGTERM →" --seed 2\`), more than the cluster's 28–191. Whether the endpoint lags of the
  cluster were shorter, or its clients reconnected more slowly, is not known.
- *A SIGTERM handler of the app beside podrain, without a hook,* lost 173 of 7,027 requests on the cluster (164 of them refused), because the
  handler closed the listener during the drain. A later version of podrain prevents that, so no loss is expected. The cluster was not measured again.
- *Every response says Connection: keep-alive.* The cluster lost 0 of 15,595 requests, but the pods stayed until the end of the grace period,
  because clients were never told to leave. A later version of podrain sends \`close\` whatever the app sets.
- *Times of the rows with (1.35)* are shown and not compared. Some of these rows also had clients with streams, uploads and downloads. Which
  rows had them was not recorded. A pod was ready 1.0 s after its creation, which is the period of the readiness probe. So \`startDelay\` is 0.
- *An exec hook* was measured in four cases of the end-to-end tests. Each case lost no request. Their times were not recorded.
- *How long the last two rows take* was not measured on the cluster. In the rehearsal it depends on the load of the machine.
`
}
