import { Command, Option } from 'commander'
import pc from 'picocolors'
import { type CompareFlags, runCompare } from './compare.js'
import { flagGroups } from './flags.js'
import { type RehearseFlags, runRehearse } from './rehearse.js'
import { UsageError } from './usage.js'
import { count } from './values.js'

const { version } = require('../package.json') as { version: string }

const exitCodes = `Exit codes:
  0  nothing was lost, or no more than --allow-lost
  1  requests were lost
  2  there was no rehearsal: wrong usage, or the app did not start (with its last output)`

const examples = `Examples:
  podrain rehearse -- node server.js
  podrain rehearse --prestop /prestop --get /orders --stream /feed --html rehearsal.html -- node server.js
  podrain rehearse --behind aws-alb --grace 60s -- python3 -m http.server {port} --bind {host}`

/** Builds the command line. `command` is what came after \`--\`, `onDone` takes the exit code. */
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
      `Runs your app through a rolling update on this machine: its pods are real processes, and podrain plays the kubelet, the Service and the clients. Tells how many requests were lost, why, and what would have saved them.

The app listens on $HOST:$PORT, or takes {port} and {host} in its command. What is not said of readiness probe, hook and requests is found out by starting it once and asking.

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
      new Option('--requests <file>', 'YAML with what to ask instead of --get')
        .conflicts('get')
        .helpGroup('What is asked of it:'),
    )
    .optionsGroup('Result:')
    .option('--allow-lost <n>', 'lost requests that are still a success', count, 0)
    .option('--json <file>', 'all of the result; - is stdout')
    .option('--html <file>', 'a page with the timeline of every pod')
    .option('--junit <file>', 'JUnit XML for CI')
    .option('-q, --quiet', 'say only how many were lost')
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
  return program
}
