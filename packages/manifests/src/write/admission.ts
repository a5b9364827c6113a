import { behindVariable, graceVariable, presets } from '../shared/budget.js'

/** A rule as an expression of CEL, the language of admission policies. */
export interface Condition {
  /** The id of the rule. */
  readonly rule: string
  /** @default the severity of the rule */
  readonly severity?: 'warning'
  /** The object of the expression. A container is `c` in it. A server is a container of a pod that does not end by itself. */
  readonly of: 'container' | 'server' | 'pod' | 'Deployment' | 'PodDisruptionBudget'
  /** True if the rule finds nothing. */
  readonly expression: string
  /** Set if lint finds more by the rule, because CEL cannot see into scripts and other objects. */
  readonly isPart?: true
}

const hook = 'c.?lifecycle.?preStop'
const request = `${hook}.?httpGet`
const command = `${hook}.?exec.?command.orValue([])`
const isRequest = `${request}.hasValue()`
const env = 'c.?env.orValue([])'

/** An expression: whether a path is that of podrain's hook, with any query. */
function isPrestop(path: string): string {
  return `${path}.orValue('').matches('/prestop/?([?#].*)?$')`
}

/** An expression: whether the container uses podrain, as far as its hook shows. */
export const hasPodrain: string = `(${isPrestop(`${request}.?path`)} || ${command}.exists(w, w.contains('podrain-prestop')))`

/** An expression: whether a handler's port is a number, or the name of a port that the container lists. */
function isListed(handler: string): string {
  const port = `${handler}.port`
  const isNumber = `type(${port}) != string || ${port}.matches('^[0-9]+$')`
  return `(${isNumber} || c.?ports.orValue([]).exists(p, p.?name.orValue('') == ${port}))`
}

function unless(condition: string, ...expected: readonly string[]): string {
  return `!(${condition}) || ${expected.length === 1 ? expected[0] : `(${expected.join(' && ')})`}`
}

const probes = ['livenessProbe', 'readinessProbe', 'startupProbe']
const shell = '^(.*/)?(sh|bash|dash|ash|zsh)$'

/**
 * Mistakes that the API server accepts. Those that it refuses itself are left out, because a policy runs only after that check. A test
 * compares each condition with the linter.
 */
export const conditions: readonly Condition[] = [
  {
    rule: 'hook-handler',
    of: 'container',
    expression: unless(
      `${hook}.hasValue()`,
      `[${['exec', 'httpGet', 'sleep'].map((each) => `${hook}.?${each}.hasValue()`).join(', ')}].filter(h, h).size() == 1`,
      `!${hook}.?tcpSocket.hasValue()`,
    ),
  },
  {
    rule: 'hook-at-start',
    of: 'container',
    expression: `!c.?lifecycle.?postStart.?httpGet.?path.orValue('').matches('/prestop/?$') && !c.?lifecycle.?postStart.?exec.?command.orValue([]).exists(w, w.contains('podrain-prestop'))`,
  },
  {
    rule: 'hook-port',
    of: 'container',
    expression: unless(isRequest, isListed('c.lifecycle.preStop.httpGet')),
  },
  {
    rule: 'hook-host-network',
    of: 'container',
    expression: unless(
      `variables.pod.?hostNetwork.orValue(false) && ${isRequest}`,
      `${request}.?host.orValue('') != ''`,
    ),
  },
  {
    rule: 'hook-host',
    of: 'container',
    expression: `variables.pod.?hostNetwork.orValue(false) || !${request}.?host.orValue('').matches('^(localhost|127[.].*|[^0-9a-f]?::1[^0-9a-f]?|0[.]0[.]0[.]0)$')`,
  },
  {
    rule: 'hook-token',
    of: 'container',
    expression: unless(
      `${env}.exists(e, e.name == 'PODRAIN_TOKEN') && ${isPrestop(`${request}.?path`)}`,
      `${request}.?httpHeaders.orValue([]).exists(h, h.name.lowerAscii() == 'authorization' && !h.value.contains('$(') && !h.value.contains('\${') && ${env}.all(e, e.name != 'PODRAIN_TOKEN' || !e.?value.hasValue() || h.value == 'Bearer ' + e.value))`,
    ),
  },
  {
    rule: 'hook-no-shell',
    of: 'container',
    expression: unless(`${command}.size() == 1`, `!${command}[0].trim().matches('[ \\t\\n]')`),
    isPart: true,
  },
  {
    rule: 'hook-read-only',
    of: 'container',
    expression: unless(
      `${command}.exists(w, w.contains('podrain-prestop')) && c.?securityContext.?readOnlyRootFilesystem.orValue(false)`,
      `(${[
        `c.?volumeMounts.orValue([]).exists(m, m.mountPath.matches('^/tmp/?$'))`,
        `${env}.exists(e, e.name == 'PODRAIN_SOCKET')`,
        `${command}.exists(w, w.matches('^/.*[.]sock'))`,
      ].join(' || ')})`,
    ),
    isPart: true,
  },
  {
    rule: 'hook-outlasts-grace',
    of: 'container',
    expression: unless(
      'variables.grace > 0',
      `${hook}.?sleep.?seconds.orValue(0) < variables.grace`,
      `(${command}.size() != 2 || !${command}[0].matches('^(.*/)?sleep$') || !${command}[1].matches('^[0-9]{1,9}$') || int(${command}[1]) < variables.grace)`,
      `(${command}.size() != 3 || !${command}[0].matches('${shell}') || ${command}[1] != '-c' || !${command}[2].matches('^sleep [0-9]{1,9}$') || int(${command}[2].substring(6)) < variables.grace)`,
    ),
    isPart: true,
  },
  {
    rule: 'grace-zero',
    of: 'pod',
    expression: unless('variables.hasPodrain', 'variables.grace > 0'),
    isPart: true,
  },
  {
    rule: 'grace-zero',
    severity: 'warning',
    of: 'pod',
    expression: unless('variables.hasPodrain', 'variables.grace != 1'),
    isPart: true,
  },
  {
    rule: 'grace-variable',
    of: 'container',
    expression: `${env}.all(e, e.name != '${graceVariable}' || !e.?value.orValue('').matches('^[0-9]{1,9}([.][0-9]+)?$') || double(e.value) <= double(variables.grace))`,
  },
  {
    rule: 'grace-variable',
    severity: 'warning',
    of: 'container',
    expression: `${env}.all(e, e.name != '${graceVariable}' || !e.?value.orValue('').matches('^[0-9]{1,9}([.][0-9]+)?$') || double(e.value) >= double(variables.grace))`,
  },
  {
    rule: 'behind-variable',
    of: 'container',
    expression: `${env}.all(e, e.name != '${behindVariable}' || e.?value.orValue('$(').contains('$(') || e.value in [${Object.keys(
      presets,
    )
      .map((name) => `'${name}'`)
      .join(', ')}])`,
    isPart: true,
  },
  {
    rule: 'probe-drains',
    of: 'container',
    expression: probes.map((name) => `!${isPrestop(`c.?${name}.?httpGet.?path`)}`).join(' && '),
  },
  {
    rule: 'probe-port',
    of: 'container',
    expression: probes
      .flatMap((name) => ['httpGet', 'tcpSocket'].map((handler) => ({ name, handler })))
      .map(({ name, handler }) => `(${unless(`c.?${name}.?${handler}.hasValue()`, isListed(`c.${name}.${handler}`))})`)
      .join(' && '),
  },
  {
    rule: 'liveness-kills',
    of: 'container',
    expression: unless(
      `${hasPodrain} || c.name == variables.named`,
      `!c.?livenessProbe.?httpGet.?path.orValue('').matches('/readyz/?([?#].*)?$')`,
    ),
    isPart: true,
  },
  {
    rule: 'liveness-impatient',
    of: 'container',
    expression: unless(
      'c.?livenessProbe.?failureThreshold.orValue(3) == 1',
      'c.?livenessProbe.?timeoutSeconds.orValue(1) >= 5',
    ),
  },
  {
    rule: 'package-manager',
    of: 'server',
    expression: unless(
      `c.?command.orValue([]).size() > 0 && c.command[0].matches('^(.*/)?(npm|npx|pnpm|pnpx|yarn|yarnpkg)$')`,
      `(c.command + c.?args.orValue([]) + ['', ''])[1] in ['', 'ci', 'install', 'i', 'audit', 'run-script-only']`,
    ),
    isPart: true,
  },
  {
    rule: 'rollout-takes-last',
    of: 'Deployment',
    expression: unless(
      `variables.hasPodrain && object.spec.?replicas.orValue(0) > 0`,
      `string(object.spec.?strategy.?rollingUpdate.?maxUnavailable.orValue('')) != '100%'`,
    ),
    isPart: true,
  },
  {
    rule: 'pdb-blocks',
    of: 'PodDisruptionBudget',
    expression: `!(string(object.spec.?maxUnavailable.orValue('')) in ['0', '0%']) && string(object.spec.?minAvailable.orValue('')) != '100%'`,
    isPart: true,
  },
  {
    rule: 'pdb-permits-all',
    of: 'PodDisruptionBudget',
    expression: `!(string(object.spec.?minAvailable.orValue('')) in ['0', '0%']) && string(object.spec.?maxUnavailable.orValue('')) != '100%'`,
    isPart: true,
  },
  {
    rule: 'pdb-both-limits',
    severity: 'warning',
    of: 'PodDisruptionBudget',
    expression: 'object.spec.?maxUnavailable.hasValue() || object.spec.?minAvailable.hasValue()',
  },
]
