import type { PolicyOptions } from '@podrain/manifests'
import { presets } from '@podrain/rehearsal'
import { Command, Option } from 'commander'
import pc from 'picocolors'
import { type CompareFlags, runCompare } from './compare.js'
import type { DrainsFlags } from './drains.js'
import { flagGroups, retired } from './flags.js'
import type { LintFlags } from './lint.js'
import type { ManifestFlags } from './manifest.js'
import { type RehearseFlags, runRehearse } from './rehearse.js'
import { UsageError } from './usage.js'
import { count, duration, positive, variable } from './values.js'

const { version } = require('../package.json') as { version: string }

const exitCodes = `Exit codes:
  0  nothing was lost, or no more than --allow-lost
  1  requests were lost
  2  there was no rehearsal: wrong usage, or the app did not start (with its last output)
  3  unknown: the rehearsal was cut short, or this machine was too busy for a verdict`

const examples = `Examples:
  podrain rehearse -- node server.js
  podrain rehearse --prestop /prestop --get /orders --stream /feed --html rehearsal.html -- node server.js
  podrain rehearse --through nginx --get /orders -- node server.js
  podrain rehearse --behind aws-alb --grace 60s -- python3 -m http.server {port} --bind {host}`

const lintExamples = `Examples:
  podrain lint k8s/
  kustomize build overlays/production | podrain lint - --fail-on warning
  helm template chart/ | podrain lint - --behind aws-alb --longest-request 30s`

const manifestExamples = `Examples:
  podrain manifest --name orders --image registry/orders:1.4 --behind aws-alb --longest-request 30s > orders.yaml
  podrain manifest --name orders --kind component --hook exec --out components/podrain
  podrain manifest --name orders --kind helm-library --out charts/podrain`

const policyExamples = `Examples:
  podrain policy | kubectl apply -f -
  podrain policy --action deny --namespace-labels env=production > podrain-policies.yaml
  podrain policy --defaults > podrain-defaults.yaml`

const drainsExamples = `Examples:
  podrain drains deployment/orders -n shop --since 1h
  podrain drains -l app=orders --json`

const lintExitCodes = `Exit codes:
  0  nothing was found, or nothing as bad as --fail-on
  1  findings at or above --fail-on
  2  wrong usage, a file is no YAML, or nothing could be judged`

/** Builds the command line. `command` is what came after `--`. `onDone` is called with the exit code. */
export function createProgram(command: readonly string[] | undefined, onDone: (code: number) => void): Command {
  const program = new Command('podrain')
    .description('See what a deploy of your HTTP service would lose.')
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .configureHelp({ styleTitle: (title) => pc.bold(title) })
    .addHelpText('after', `\n${examples}\n\npodrain help rehearse lists every option.`)
    .exitOverride()

  const rehearse = program
    .command('rehearse')
    .summary('run your app through a rolling update on this machine, and count what is lost')
    .description(
      `Runs your app through a rolling update on this machine: its pods are real processes, and podrain plays the kubelet, the Service and the clients. Reports how many requests were lost, why, and how to fix it.

The app listens on $HOST:$PORT, or takes {port} and {host} in its command. It is started once before, to find out what you do not give: its readiness probe, its hook, and a path to request.

Durations have a unit: 500ms, 2s, 1m.`,
    )
    .usage('[options] -- command [args…]')
    .argument('[words...]')
    .showHelpAfterError(
      '`podrain help rehearse` shows every option. Your command comes after `--`: podrain rehearse -- node server.js',
    )
  for (const { heading, flags } of flagGroups) {
    for (const { option } of flags) rehearse.addOption(option.helpGroup(heading))
  }
  rehearse
    .addOption(
      new Option(
        '--manifest <path>',
        'take all of this from the app’s Deployment or StatefulSet: a file or directory; flags win over it',
      ).helpGroup('Its manifest:'),
    )
    .addOption(
      new Option(
        '--container <name>',
        'which container of the manifest, if there are several: app, Deployment/web or Deployment/web/app',
      ).helpGroup('Its manifest:'),
    )
    .addOption(
      new Option('--requests <file>', 'YAML with a mix of requests instead of --get')
        .conflicts('get')
        .helpGroup('What clients request:'),
    )
    .addOption(
      // The command of the contract has this flag, and a user of both would guess it here.
      new Option('--slow <path>').hideHelp().argParser((path) => {
        throw new UsageError(`There is no \`--slow\`: ask for a response that takes its time with \`--stream ${path}\``)
      }),
    )
    .optionsGroup('Result:')
    .option('--allow-lost <n>', 'how many lost requests still count as success', count, 0)
    .option('--repeat <n>', 'how often to rehearse, each time with the next seed', positive, 1)
    .option('--json <file>', 'the whole result, or a list of results with --repeat; - is stdout')
    .option('--html <file>', 'a page with the timeline of every pod; - is stdout')
    .option('--junit <file>', 'JUnit XML for CI; - is stdout')
    .option('-q, --quiet', 'print only how many were lost')
    .option('--no-color', 'no colours; also NO_COLOR=1')
    .addHelpText('after', `\n${examples}\n\n${exitCodes}`)
    .action(async (words: readonly string[], flags: RehearseFlags) => {
      if (words.length > 0) {
        throw new UsageError(
          `Your command comes after \`--\`:\n  podrain rehearse -- ${[...words, ...(command ?? [])].join(' ')}`,
        )
      }
      onDone(await runRehearse(command ?? [], flags))
    })

  program
    .command('compare')
    .summary('put two results side by side')
    .description('Compares two results of `podrain rehearse --json FILE`. Exits with 1 when the second lost more.')
    .argument('<before>', 'JSON of the first')
    .argument('<after>', 'JSON of the second')
    .option('--html <file>', 'a page with both')
    .option('--no-color', 'no colours; also NO_COLOR=1')
    .action(async (before: string, after: string, flags: CompareFlags) => {
      onDone(await runCompare(before, after, flags))
    })

  program
    .command('lint')
    .summary('find in Kubernetes manifests what would make a deploy lose requests')
    .description(
      `Looks into Kubernetes manifests for what would make a deploy lose requests: times that do not fit, hooks that do not run, keys that are misspelt, rollouts that take the last pod.

Takes files, directories and - for standard input: kustomize build . | podrain lint -. Objects of all files belong together, so give it the Service and the Deployment.`,
    )
    .argument('[paths...]', 'files, directories, or -')
    .option('--fix', 'fix in the files what is safe to fix; comments and order stay')
    .addOption(
      new Option('--format <name>', 'the output format').choices(['human', 'json', 'sarif', 'github']).default('human'),
    )
    .addOption(
      new Option(
        '--fail-on <severity>',
        'exit with 1 if there is a finding of this severity or a greater one (default: error)',
      ).choices(['error', 'warning', 'info']),
    )
    .option(
      '--config <file>',
      'a file with accepted findings and their reasons (default: podrain.yaml or .podrain.yaml, if there is one)',
    )
    .addOption(behindOption('what routes to the pods, if the files do not show it'))
    .option(
      '--longest-request <duration>',
      'how long the longest request takes; it must fit into the grace period',
      duration,
    )
    .option('--kubernetes <version>', 'the Kubernetes version of the cluster, such as 1.29 (default: the newest known)')
    .option('--against <url>', 'compare with the running app, by its /drainz: http://localhost:8080/drainz')
    .option('--token <token>', 'the token that the app requires for /drainz; also PODRAIN_TOKEN')
    .option('--resource <kind/name>', 'with --against: the workload of the app')
    .option('--rules', 'list all rules')
    .option('--no-color', 'no colours; also NO_COLOR=1')
    .addHelpText('after', `\n${lintExamples}\n\n${lintExitCodes}`)
    .action(async (paths: readonly string[], flags: LintFlags) => {
      // Imported only here, because the schemas take long to load.
      const { runLint } = await import('./lint.js')
      onDone(await runLint(paths, flags, version))
    })

  program
    .command('manifest')
    .summary('write a Deployment, a Service and a PodDisruptionBudget that lose nothing')
    .description(
      'Writes a Deployment, a Service and a PodDisruptionBudget for an app with podrain; or, for an existing Deployment, a kustomize patch or Component, Helm values, or a Helm library chart. With the arithmetic in comments. `podrain lint` finds nothing in it.',
    )
    .requiredOption('--name <name>', 'name of the Deployment and its container')
    .option('--image <image>', 'image of the container', 'app:1.0.0')
    .option('--port <n>', 'port that the app listens on (default: 8080)', count)
    .addOption(behindOption('what routes to the pods (default: kube-proxy)'))
    .option('--longest-request <duration>', 'how long the longest request takes (default: 10s)', duration)
    .addOption(
      new Option(
        '--hook <kind>',
        'what the hook is: an HTTP request, a program, or a request to --control-port (default: http; behind aws-nlb control-port)',
      ).choices(['http', 'exec', 'control-port']),
    )
    .option('--control-port <n>', 'port of --hook control-port (default: 9090)', count)
    .option('--replicas <n>', 'pods (default: 3)', count)
    .addOption(
      new Option('--kind <kind>', 'what to write (default: kubernetes)').choices([
        'kubernetes',
        'kustomize',
        'component',
        'helm',
        'helm-library',
      ]),
    )
    .option('--out <directory>', 'write files to this directory instead of stdout; existing files are not replaced')
    .addHelpText('after', `\n${manifestExamples}`)
    .action(async (flags: ManifestFlags) => {
      const { runManifest } = await import('./manifest.js')
      onDone(runManifest(flags))
    })

  program
    .command('policy')
    .summary('write admission policies, so that a cluster refuses what lint refuses')
    .description(
      'Prints ValidatingAdmissionPolicies (Kubernetes 1.30) from those rules of `podrain lint` that need only one object, with bindings. Begin with --action warn: kubectl shows the messages, and nothing is refused.',
    )
    .addOption(
      new Option('--action <name>', 'what happens on an error (default: warn); a warning is never refused').choices([
        'warn',
        'audit',
        'deny',
      ]),
    )
    .addOption(
      new Option('--failure-policy <name>', 'what happens to an object that cannot be judged (default: fail)').choices([
        'fail',
        'ignore',
      ]),
    )
    .addOption(
      new Option(
        '--namespace-labels <name=value...>',
        'labels of the namespaces that the policies apply to (default: all but those of Kubernetes)',
      ).argParser((text, before: Record<string, string> | undefined) => ({ ...before, ...variable(text) })),
    )
    .addOption(
      new Option(
        '--defaults [config-map]',
        'write instead a MutatingAdmissionPolicy (Kubernetes 1.36) that adds hook, readiness probe and the variables of a ConfigMap to new pods with the label podrain/defaults: "true" (default: podrain-defaults)',
      ).conflicts(['action', 'failurePolicy', 'namespaceLabels']),
    )
    .addHelpText('after', `\n${policyExamples}`)
    .action(async ({ defaults, ...flags }: PolicyOptions & { defaults?: string | true }) => {
      const { writeDefaultingPolicy, writePolicies } = await import('@podrain/manifests')
      const text =
        defaults === undefined
          ? writePolicies(flags)
          : writeDefaultingPolicy(defaults === true ? {} : { configMap: defaults })
      process.stdout.write(text)
      onDone(0)
    })

  program
    .command('drains')
    .summary('list the last drains of a Deployment in the cluster')
    .description(
      'Lists how pods have ended: how long the drain took, what was cut, and what was closed too early. It reads the termination messages of pods, and the Events that the option `events` of @podrain/kubernetes writes, with the kubectl that is installed.',
    )
    .argument('[workload]', 'deployment/NAME, statefulset/NAME or pod/NAME (default: all pods of the namespace)')
    .option('-n, --namespace <name>', "namespace of the pods (default: kubectl's)")
    .option('-l, --selector <labels>', 'labels of the pods, instead of a workload')
    .option('--context <name>', "the cluster (default: kubectl's)")
    .option('--kubectl <path>', 'the kubectl to use', 'kubectl')
    .option('--since <duration>', 'only pods that ended within this time, such as 1h', duration)
    .option('--json', 'print everything that is known, as JSON')
    .option('--no-color', 'no colours; also NO_COLOR=1')
    .addHelpText('after', `\n${drainsExamples}`)
    .action(async (workload: string | undefined, flags: DrainsFlags) => {
      const { runDrains } = await import('./drains.js')
      onDone(await runDrains(workload, flags))
    })
  return program
}

/** The flag `--behind`, which several commands have. */
function behindOption(help: string): Option {
  return new Option('--behind <preset>', `${help}; ${retired}`).choices(Object.keys(presets))
}
