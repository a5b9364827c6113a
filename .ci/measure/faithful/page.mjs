import { cpus } from 'node:os'

/** The page docs/proof/faithfulness.md. */
export function pageOf(lines, differences) {
  return `# How faithful the rehearsal is

\`npx -y pnpm@10.34.9 faithful\` rehearses applications that were measured on a real Kubernetes cluster, and writes this page. The left of each cell is
what the cluster lost. The right is what the rehearsal lost on a machine with ${cpus().length} cores and Node ${process.version}
(${new Date().toISOString().slice(0, 10)}). Counts depend on chance. So the comparison is whether requests are lost, and how
long it takes until every old pod is gone (within 20 %). ${differences === 0 ? 'They agree.' : `**${differences} ${differences === 1 ? 'difference' : 'differences'}**, in bold.`}

3 replicas, one rolling restart, 10 keep-alive clients (a request every 5–25 ms) and 10 clients that open a connection for each
request. A request takes 20 ms. There are no retries. The grace period is 30 s. The cluster: one node, Kubernetes 1.26 with the
grace-period order of 1.28, kube-proxy in iptables mode, containerd, Node 20.20.2. Rows with (1.35) were measured on a second cluster: one node,
Kubernetes 1.35, podrain 0.1.0. These rows have 30 more clients here, which send a request every 1–8 s.

| app | keep-alive, cluster / here | new connections | slow downloads | old pods gone after | why, here (the most frequent) |
|---|---|---|---|---|---|
${lines.join('\n')}

† Measured before a fix in podrain, see below.

The last two rows are the sum of 4 restarts on both sides. The row with a sleep is the sum of 2 restarts here. In the last two rows, 3 more clients read 20 MB at
5 MB/s, and here each pod has its own network namespace (\`netns\`), which ends with its process.

## What the rehearsal simulates, and what it does not

- *PID 1.* The kernel does not deliver a signal to PID 1 if PID 1 has no handler for it. Each pod is PID 1 of its own PID namespace, as on the
  cluster. The second row has a shell as its init, which passes SIGTERM on. The row with npm was not measured on the cluster. Nor was the row
  with a script: it shows what the cluster lost when node did not get SIGTERM.
- *The time a pod takes to start.* \`startDelay\` is 900 ms here: the 2 s that each pod took on the cluster, without the period of 1 s of the
  readiness probe. It is inferred from the measured totals.
- *Endpoint lag* is drawn from the quantiles measured under load (126, 1074 and 1196 ms), linear in between.
- *The two rows with a hook of 5 s* took 40 s on the cluster and take 36 s here: the last pod is deleted after 6 s, and its 30 s include the
  hook. Kubelets from 1.22 until 1.28 started the grace period again after the hook, which makes 41 s. The cluster's kubelet did not do so with a
  hook of 7 s (SIGKILL after 10.0 of 10 s), so it is unknown whether it did in these rows. The rehearsal has the order of 1.28, as current
  kubelets have. One run with the sleep took 31.9 s, because the last two pods had only idle connections and exited by themselves.
- *A connection to a pod that is gone* hangs on the cluster. With \`netns\` it hangs here, too. Without \`netns\` the rehearsal
  delays the error by 3 s, as long as a kernel tries to resolve the address. Without that delay, the second row lost 183 new connections.
- *Through nginx and haproxy* the cluster rolled Fastify with podrain three times each and lost 0 of 18,058 and 0 of 17,997 requests, in 10–11 s
  a restart. On the cluster the proxy connects to the Service's address, and the kernel picks a pod for each connection. Here a relay picks the pod. It
  accepts a connection before it connects to the pod.
- *Refused connections* depend on the random endpoint lags. For the third row, seeds 1, 2 and 3 gave 289, 256 and 158
  (\`node .ci/measure/faithful.mjs --no-write --only "SIGTERM →" --seed 2\`), more than the cluster's 28–191. Whether its lags were shorter or its
  clients reconnected more slowly is not known.
- *A SIGTERM handler of the app beside podrain, without a hook,* lost 173 of 7,027 on the cluster (164 of them refused), because the handler
  closed the listener during the drain. A later version of core prevents that, so 0 lost is expected. The cluster was not measured again.
- *Every response says Connection: keep-alive.* The cluster lost 0 of 15,595, but the pods stayed until the end of the grace period, because clients
  were never told to leave. A later version of core sends \`close\` whatever the app sets.
- *Times of the rows with (1.35)* are shown, not compared. Some of these rows also had clients with streams, uploads and downloads, and
  which rows was not recorded. A pod was ready 1.0 s after its creation, the period of the readiness probe, so \`startDelay\` is 0.
- *An exec hook* was measured as four e2e cases, one for each framework: 0 lost in each. Their times were not recorded.
- *How long the last two rows take* was not measured on the cluster, and here it depends on the load of the machine.
`
}
