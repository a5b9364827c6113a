import { supportedSignals } from '@podrain/core/budget'
import { Script } from '../objects/script.js'
import { programOf, scriptOf, shells, withoutInit, withoutWrappers } from '../objects/shell.js'
import type { Severity } from './finding.js'
import { eachContainer, type Rule } from './rule.js'

/** A program that starts the app and gets SIGTERM instead of it. `does`: what it does with the signal, as a phrase. */
interface Manager {
  readonly does: string
  readonly severity: Severity
}

const killsNode: Manager = {
  does: 'passes SIGTERM to a shell. The `sh` of Debian exits without passing it to node, and node is killed soon after',
  severity: 'warning',
}

/** Measured as process 1 of a PID namespace, with an app that drains for 3 s: npm 11, pnpm 10, yarn 1; `sh` is dash. */
const packageManagers: Readonly<Record<string, Manager>> = {
  npm: killsNode,
  npx: killsNode,
  yarn: killsNode,
  yarnpkg: killsNode,
  pnpm: { does: 'passes SIGTERM on and exits 0.2 s later, and node is killed then', severity: 'warning' },
  pnpx: { does: 'passes SIGTERM on and exits 0.2 s later, and node is killed then', severity: 'warning' },
  corepack: killsNode,
}

const keepsIt: Manager = {
  does: 'does not pass SIGTERM on: node is killed at the end of the grace period',
  severity: 'warning',
}

const forDevelopment: Manager = {
  does: 'passes SIGTERM on and waits, but restarts the app when a file changes: it is meant for development',
  severity: 'info',
}

/** Measured in the same way: pm2 6, forever 4, npm-run-all2 8, nodemon 3. Under bun, tsx and concurrently the app drains completely. */
const processManagers: Readonly<Record<string, Manager>> = {
  'pm2-runtime': {
    does: 'turns SIGTERM into SIGINT, and kills the app 1.6 s later unless its `kill_timeout` says otherwise',
    severity: 'warning',
  },
  forever: keepsIt,
  'npm-run-all': keepsIt,
  'run-s': keepsIt,
  'run-p': keepsIt,
  nodemon: forDevelopment,
  // http://supervisord.org/configuration.html#program-x-section-settings
  supervisord: {
    does: 'sends its own signal to its programs, and kills them 10 s later unless their `stopwaitsecs` says otherwise',
    severity: 'warning',
  },
}

/** The program that keeps running: after an init, `exec` and other wrappers, or the last command of a script. */
function lastOf(words: readonly string[]): { readonly text: string; readonly words: readonly string[] } | undefined {
  if (scriptOf(words) === undefined) {
    const own = withoutWrappers(withoutInit(words))
    return { text: own.join(' '), words: own }
  }
  const last = new Script(words).commands.at(-1)
  return last && { text: last.text.replace(/^exec\s+/, ''), words: last.words.map((word) => word ?? '$') }
}

function managerOf(words: readonly string[], managers: Readonly<Record<string, Manager>>): Manager | undefined {
  const program = programOf(words[0] ?? '')
  return Object.hasOwn(managers, program) ? managers[program] : undefined
}

const packageManager: Rule = {
  id: 'package-manager',
  severity: 'warning',
  severityReason: 'It depends on the shell of the image, and on what a hook has done before SIGTERM.',
  title: 'A package manager as the first process',
  why: 'SIGTERM goes to the first process of a container. npm, npx and yarn exit before SIGTERM reaches Node, and pnpm exits before Node has drained. When the first process exits, the kernel kills all others. (Measured with npm 11, yarn 1 and pnpm 10, with dash as `sh`. bash replaces itself with a single command, so that SIGTERM reaches Node. The manifest does not say which shell the image has.)',
  check: eachContainer(({ started, name, pod }, report) => {
    if (started === undefined) return
    const last = lastOf(started.words)
    const manager = last && managerOf(last.words, packageManagers)
    // `npm ci` is an installation, not a server.
    if (last === undefined || manager === undefined || /^(ci|install|i|audit)$/.test(last.words[1] ?? '')) return
    report(
      started.place,
      `Container \`${name}\` starts \`${short(last.text)}\`: ${programOf(last.words[0] ?? '')} ${manager.does}`,
      {
        // A job has no requests to drain, but it is killed.
        severity: pod.isJob ? 'info' : manager.severity,
        fix: 'Start node itself: command: ["node", "server.js"]',
      },
    )
  }),
}

const processManager: Rule = {
  id: 'process-manager',
  severity: 'warning',
  severityReason: 'It depends on its settings, which are in other files.',
  title: 'A process manager as the first process',
  why: 'SIGTERM goes to the first process of a container, and each process manager treats it in its own way: pm2 kills the app after 1.6 s, supervisord after 10 s, and forever does not pass the signal on. Kubernetes itself restarts containers and runs replicas.',
  check: eachContainer(({ started, name, pod }, report) => {
    const last = started && lastOf(started.words)
    if (started === undefined || last === undefined || pod.isJob) return
    const [program = '', ...options] = last.words
    const isWatching =
      (/^(node|bun)$/.test(programOf(program)) && options.some((word) => /^--watch(-path)?\b/.test(word))) ||
      (programOf(program) === 'tsx' && options[0] === 'watch')
    const manager = isWatching ? forDevelopment : managerOf(last.words, processManagers)
    if (manager === undefined) return
    report(
      started.place,
      `Container \`${name}\` starts \`${short(last.text)}\`: ${isWatching ? `\`${options[0] === 'watch' ? 'watch' : '--watch'}\`` : programOf(program)} ${manager.does}`,
      { severity: manager.severity, fix: 'Start the app itself, one in each container' },
    )
  }),
}

const shellFirst: Rule = {
  id: 'shell-first',
  severity: 'warning',
  severityReason: 'It depends on the shell, and on what a hook has done before SIGTERM.',
  title: 'A shell as the first process',
  why: 'SIGTERM goes to the first process of a container. A shell ignores SIGTERM while it waits for its child, so the app is killed at the end of the grace period, without a drain. `exec` replaces the shell with the app. (Some shells do so by themselves for a single command. The manifest does not say which shell the image has.)',
  check: eachContainer(({ command, place, name, hook, pod }, report) => {
    if (command === undefined || pod.isJob) return
    const words = withoutInit(command)
    const at = place.get('command')
    if (scriptOf(command) !== undefined) {
      const { commands, text } = new Script(command)
      const last = commands.at(-1)
      if (
        last === undefined ||
        /^exec\s/.test(last.text) ||
        commands.some((each) => each.words[0] === 'trap') ||
        [packageManagers, processManagers].some((each) => managerOf([last.words[0] ?? ''], each) !== undefined) ||
        // A script that only waits, such as `sleep infinity`, has nothing to drain.
        /^(wait|sleep|tail|true|:|exit|\$.*)$/.test(programOf(last.words[0] ?? '$'))
      ) {
        return
      }
      report(
        at,
        `Container \`${name}\` starts a shell, which does not pass SIGTERM on to \`${short(last.text)}\`${hook === undefined ? '' : ': the hook runs, but the SIGTERM after it does not reach the app'}`,
        {
          severity: commands.length === 1 && !text.includes('|') ? 'info' : 'warning',
          fix: `exec ${short(last.text)}`,
        },
      )
    } else if (
      shells.has(programOf(words[0] ?? '')) &&
      words.some((word, index) => index > 0 && !word.startsWith('-'))
    ) {
      report(
        at,
        `Container \`${name}\` starts a script with a shell, which passes SIGTERM on only if the script ends with \`exec\``,
        { severity: 'info', fix: 'In the script: `exec` before the command that starts the app' },
      )
    }
  }),
}

function short(text: string): string {
  const line = text.trim().replace(/\s+/g, ' ')
  return line.length > 50 ? `${line.slice(0, 49)}…` : line
}

/** The signals in `PODRAIN_SIGNALS`, or else podrain's default. With a signal that podrain cannot listen to it does not start. */
function listened(variable: string | undefined): readonly string[] {
  return variable?.split(',').map((signal) => signal.trim()) ?? ['SIGTERM', 'SIGINT']
}

function isSupported(signal: string): boolean {
  return (supportedSignals as readonly string[]).includes(signal)
}

const stopSignal: Rule = {
  id: 'stop-signal',
  severity: 'warning',
  severityReason: 'Without the feature gate Kubernetes drops the field.',
  title: 'A stop signal that no program can catch, or that the API server refuses',
  why: '`lifecycle.stopSignal` replaces SIGTERM. (The field is alpha since Kubernetes 1.33, and beta is planned for 1.37. Without the feature gate ContainerStopSignals Kubernetes drops it.) No program can catch SIGKILL or SIGSTOP, so there is no drain. podrain listens to SIGTERM and SIGINT unless its option `signals` (`PODRAIN_SIGNALS`) says otherwise. After SIGINT, which podrain takes for a Ctrl-C, it does not wait for load balancers: without a hook, requests are refused. Without `spec.os.name` the API server refuses the field.',
  check: eachContainer(({ place, pod, isPodrain, environment, hook }, report) => {
    const signal = place.get('lifecycle', 'stopSignal')
    if (signal.text === undefined) return
    if (signal.text === 'SIGKILL' || signal.text === 'SIGSTOP') {
      report(signal, `No program can catch ${signal.text}: the app is killed without a drain`, {
        fix: 'Write SIGTERM, or remove it',
      })
    } else if (pod.isWhole && !pod.spec.get('os', 'name').exists) {
      report(
        signal,
        '`stopSignal` needs `spec.os.name`: without it an API server with the feature gate refuses the pod',
        {
          fix: 'Add `os: { name: linux }` to the pod’s spec',
        },
      )
    } else if (isPodrain && signal.text === 'SIGINT' && hook === undefined) {
      report(signal, 'podrain takes SIGINT for a Ctrl-C, and closes without waiting for load balancers', {
        fix: 'Write SIGTERM, or add a preStop hook',
      })
    } else if (isPodrain && !isSupported(signal.text)) {
      report(signal, `podrain cannot listen to ${signal.text}, the stop signal of this container`, {
        fix: `Write SIGTERM, or one of ${supportedSignals.filter((name) => name !== 'SIGTERM').join(', ')} and name it in \`PODRAIN_SIGNALS\``,
      })
    } else if (isPodrain && !listened(environment.text('PODRAIN_SIGNALS')).includes(signal.text)) {
      report(signal, `podrain does not listen to ${signal.text}, the stop signal of this container`, {
        fix: `Write SIGTERM, or the option \`signals: ['${signal.text}']\` in the app, or \`PODRAIN_SIGNALS: ${signal.text}\` in its environment`,
      })
    }
  }),
}

export const processRules: readonly Rule[] = [packageManager, processManager, shellFirst, stopSignal]
