import type { Container } from '../objects/pod.js'
import { programOf, scriptOf } from '../objects/shell.js'
import type { Place } from '../text/place.js'
import { eachContainer, type Rule } from './rule.js'

const twice: Rule = {
  id: 'env-twice',
  severity: 'warning',
  severityReason: 'The value that counts may be the intended one. The same value twice is an info.',
  title: 'A variable twice in the environment',
  why: 'The last entry counts, and Kubernetes drops the first silently. A server-side apply refuses the list, because each name may be in it once. A reader who finds the first entry takes it for the value that the app gets.',
  check: eachContainer(({ environment, name: container }, report) => {
    const seen = new Map<string, Place>()
    for (const entry of environment.entries) {
      const name = entry.get('name').text
      const first = name === undefined ? undefined : seen.get(name)
      if (name !== undefined) seen.set(name, entry)
      if (name === undefined || first === undefined) continue
      const isSame = JSON.stringify(first.value) === JSON.stringify(entry.value)
      const { line } = first.manifest.at(first.range[0])
      report(
        entry,
        isSame
          ? `\`${name}\` of container \`${container}\` is also in line ${line}, with the same value`
          : `\`${name}\` of container \`${container}\` is also in line ${line}, with another value: the app gets this one`,
        { severity: isSame ? 'info' : 'warning', fix: 'Remove one of the two' },
      )
    }
  }),
}

/** The usual form of names that people set. References of other tools look different. */
const variable = /^[A-Z_][A-Z0-9_]*$/

const unfilled: Rule = {
  id: 'env-unfilled',
  severity: 'warning',
  severityReason: 'A program may fill in `$(NAME)` itself.',
  title: 'A `$(NAME)` that Kubernetes does not fill in',
  why: 'Kubernetes fills in `$(NAME)` in `command`, `args` and the values of `env` if the container has a variable of that name. In `env` that variable has to be further up. The program gets any other `$(NAME)` as it is written. Variables of the image do not count.',
  check: eachContainer((container, report, world) => {
    // An incomplete world may define more names, such as the `vars` of kustomize.
    if (!world.isComplete || container.image === undefined) return
    for (const [place, before] of textsOf(container)) {
      for (const { name, later } of container.environment.unfilledIn(place.text ?? '', before)) {
        if (!variable.test(name)) continue
        report(
          place,
          later === undefined
            ? `Container \`${container.name}\` has no variable \`${name}\`: \`$(${name})\` stays as it is written`
            : `\`${name}\` is further down, in line ${later.manifest.at(later.range[0]).line}: \`$(${name})\` stays as it is written`,
          { fix: later === undefined ? `Add \`${name}\` to \`env\`` : `Move \`${name}\` above this entry` },
        )
      }
    }
  }),
}

/** The texts in which the kubelet replaces `$(NAME)`. In a shell script, `$(date)` is for the shell. */
function textsOf(container: Container): (readonly [place: Place, before?: Place])[] {
  const values = container.environment.entries.map((entry) => [entry.get('value'), entry] as const)
  const words = [...container.place.get('command').items, ...container.place.get('args').items]
  const isScript = container.started === undefined || scriptOf(container.started.words) !== undefined
  // Without a command, the entrypoint may be a shell.
  return isScript || container.command === undefined ? values : [...values, ...words.map((word) => [word] as const)]
}

const hookVariable: Rule = {
  id: 'hook-variable',
  severity: 'error',
  severityReason:
    '`sleep` gets a text that is no time: the hook fails each time. With another program, or in a script, it is a warning.',
  title: 'A variable in a hook, which Kubernetes does not fill in',
  why: 'Kubernetes fills in `$(NAME)` in `command` and `args`, but not in a hook (kubernetes#129502). `sleep` gets the text `$(NAME)`, which is no time, and fails at once (event FailedPreStopHook). In a script `$(NAME)` runs a program of that name. Only a shell reads `$NAME`.',
  check: eachContainer(({ hook, environment }, report) => {
    const asked = hook?.place.get('httpGet', 'path')
    const [unread] = /\$\(\w+\)/.exec(asked?.text ?? '') ?? []
    if (asked !== undefined && unread !== undefined) {
      report(
        asked,
        `Kubernetes fills in no variables in a hook: the kubelet requests \`${asked.text}\` as it is written`,
        {
          severity: 'warning',
          fix: `Write the value itself, in place of \`${unread}\``,
        },
      )
    }
    if (hook?.handler !== 'exec') return
    const place = hook.place.get('exec', 'command')
    const isScript = scriptOf(hook.command) !== undefined
    const program = programOf(hook.command[0] ?? '')
    const isSleep = !isScript && program === 'sleep'
    for (const [index, word] of hook.command.entries()) {
      const names = [...word.matchAll(isScript ? /\$\((\w+)\)/g : /\$\((\w+)\)|\$(\w+)/g)].map(
        ([, one, other]) => one ?? other ?? '',
      )
      // In a script, `$(name)` may be a program, so only names of variables count.
      const name = names.find((each) => (isScript ? environment.get(each) !== undefined : variable.test(each)))
      if (name === undefined) continue
      report(
        place.get(index),
        isScript
          ? `\`$(${name})\` is no variable in a shell: the script runs a program \`${name}\``
          : `No shell parses this command, and Kubernetes fills in no variables in a hook: \`${program}\` gets \`${word}\` as it is written${isSleep ? ', fails, and SIGTERM follows at once' : ''}`,
        {
          severity: isSleep ? 'error' : 'warning',
          fix: isScript
            ? `$${name}`
            : `["sh", "-c", ${JSON.stringify(hook.command.join(' ').replaceAll(/\$\((\w+)\)/g, '$$$1'))}]`,
        },
      )
    }
  }),
}

export const environmentRules: readonly Rule[] = [twice, unfilled, hookVariable]
