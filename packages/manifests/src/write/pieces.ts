import { graceVariable } from '../shared/budget.js'

/** How the kubelet calls podrain's hook: by HTTP on the app's port, by a command in the container, or by HTTP on a control port. */
export type HookKind = 'http' | 'exec' | 'control-port'

/** A text, and the name of its file, such as `templates/_helpers.tpl`. */
export interface Written {
  readonly file: string
  readonly text: string
}

/** A number, or a template expression. */
export type Value = number | string

/** In a patch, replaces a hook or probe of the base: each may have only one handler. */
export const instead: string = '$patch: replace\n'

/** The update strategy of a Deployment. */
export const strategy: string = `type: RollingUpdate
rollingUpdate:
  # A new pod comes first, and no old one goes before it is ready.
  maxSurge: 1
  maxUnavailable: 0
`

/** A variable of a container. */
export interface Variable {
  readonly name: string
  readonly value: Value
  /** A comment above it. */
  readonly comment: string
}

/** The variable that tells the app its grace period. */
export function graceEntry(grace: Value): Variable {
  const comment = 'A pod cannot read its own grace period: keep it equal to terminationGracePeriodSeconds.'
  return { name: graceVariable, value: grace, comment }
}

/** Items of `env`. */
export function environment(variables: readonly Variable[]): string {
  return variables.map(({ name, value, comment }) => `# ${comment}\n- name: ${name}\n  value: "${value}"\n`).join('')
}

/** The content of `preStop`. */
export function preStop(hook: HookKind, port: Value): string {
  if (hook === 'exec') {
    return `# Without network; from the working directory of the image.
exec:
  command: ["node", "node_modules/@podrain/core/dist/podrain-prestop.js"]
`
  }
  return `# Answers when the pod may be signalled, and not later than the budget allows.
httpGet:
  path: /prestop
  port: ${port}
`
}

/** The readiness and liveness probes. @param before The first lines of each probe. */
export function probes(port: Value, before = ''): string {
  const readiness = `${before}httpGet:
  path: /readyz
  port: ${port}
# 1 s × 3 failures: out of the endpoints within 3 s, also when nothing is being deleted. One answer later than
# \`timeoutSeconds\` (1 s), as under load, takes no pod out: it would take all of them.
periodSeconds: 1
failureThreshold: 3
`
  const liveness = `${before}httpGet:
  path: /livez
  port: ${port}
periodSeconds: 10
`
  return `readinessProbe:\n${indented(readiness, '  ')}livenessProbe:\n${indented(liveness, '  ')}`
}

const volume = 'podrain-socket'

/** Items of `volumeMounts`, for the hook without network. */
export const socketMount: string = `- name: ${volume}\n  mountPath: /tmp\n`

/** Items of `volumes`, for the hook without network. */
export const socketVolume: string = `# App and hook meet at /tmp/podrain.sock, which has to be writable where the root file system is not.
- name: ${volume}
  emptyDir: {}
`

export function indented(block: string, by: string): string {
  return block.replace(/^(?=.)/gm, by)
}
