import type { Container } from '../objects/pod.js'
import { programOf, scriptOf } from '../objects/shell.js'
import type { Place } from '../text/place.js'
import { eachContainer, type Rule } from './rule.js'

const twice: Rule = {
  id: 'env-twice',
  severity: 'warning',
  severityReason: 'The value that counts may be the one that is meant; with the same value twice it is an info.',
  title: 'A variable that stands twice in the environment',
  why: 'The last one counts, and the first is dropped without a word; a server-side apply refuses the list, as each name may be there once. So what somebody reads in the file is not what the app gets.',
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
          ? `\`${name}\` of container \`${container}\` is there already, in line ${line}, with the same value`
          : `\`${name}\` of container \`${container}\` is there already, in line ${line}, with another value: this one counts`,
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
  severityReason: 'A program may read `$(NAME)` itself.',
  title: 'A `$(NAME)` that nobody fills in',
  why: 'Kubernetes fills in `$(NAME)` in `command`, `args` and the values of `env`, if the container has a variable of that name; in `env` only those that stand further up. Anything else stays as it is written, and the program gets `$(NAME)`. Variables of the image do not count.',
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
            : `\`${name}\` stands further down, in line ${later.manifest.at(later.range[0]).line}: \`$(${name})\` stays as it is written`,
          { fix: later === undefined ? `Add \`${name}\` to \`env\`` : `Move \`${name}\` before it` },
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
    'For `sleep` it is no time: the hook fails each time. Of another program, or in a script, it is a warning.',
  title: 'A variable in a hook that nobody fills in',
  why: 'Kubernetes fills in no `$(NAME)` in a hook, as it does in `command` and `args` (kubernetes#129502). `sleep` gets those characters, which are no time, and fails at once (FailedPreStopHook); in a script `$(NAME)` runs a program of that name. Only a shell reads `$NAME`.',
  check: eachContainer(({ hook, environment }, report) => {
    const asked = hook?.place.get('httpGet', 'path')
    const [unread] = /\$\(\w+\)/.exec(asked?.text ?? '') ?? []
    if (asked !== undefined && unread !== undefined) {
      report(asked, `Kubernetes fills in nothing in a hook: the kubelet asks for \`${asked.text}\` as it stands`, {
        severity: 'warning',
        fix: `The path itself, in place of \`${unread}\``,
      })
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
          ? `\`$(${name})\` is no variable to a shell: it runs a program \`${name}\``
          : `No shell reads this command, and Kubernetes fills in nothing: \`${program}\` gets \`${word}\` as it stands${isSleep ? ', fails, and SIGTERM follows at once' : ''}`,
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
