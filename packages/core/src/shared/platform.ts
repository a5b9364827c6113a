/**
 * Where the process runs. `none` is a laptop or a test, where no load balancer has to learn that the process ends. `kubernetes`
 * is also right for a platform that is missing here, if its grace period is 30 s.
 */
export type Platform =
  | 'kubernetes'
  | 'ecs'
  | 'cloud-run'
  | 'app-engine'
  | 'azure-container-apps'
  | 'azure-app-service'
  | 'nomad'
  | 'fly'
  | 'render'
  | 'railway'
  | 'koyeb'
  | 'heroku'
  | 'cloud-foundry'
  | 'marathon'
  | 'docker'
  | 'systemd'
  | 'none'

/** What podrain assumes of a platform. */
export interface PlatformFacts {
  /** Environment variables that the platform sets in each process. One of them is enough to recognise the platform. */
  readonly variables: readonly string[]
  /** Seconds from the signal to SIGKILL by default. undefined if they are not known. */
  readonly graceSeconds?: number
  /** The platform's setting that changes these seconds. undefined if there is no such setting. */
  readonly setting?: string
  /** The environment variable that contains this setting, in seconds. */
  readonly graceVariable?: string
  /** The signal that ends the process by default. */
  readonly signal: 'SIGTERM' | 'SIGINT'
  /** Whether that signal may come more than once. */
  readonly repeats?: true
  /** Whether the platform may send requests to the process after the signal, as far as is known. */
  readonly sends: boolean
  /** The page with these facts. */
  readonly source: string
}

/**
 * The platforms. If the environment shows several, the first one counts.
 *
 * - For App Engine, Koyeb and Marathon, no page with the time until SIGKILL was found. They get the default of
 *   `terminationGracePeriodSeconds`.
 * - Railway's grace period is 0 s by default, in which no drain is possible. So its grace period is known only if the variable is
 *   set.
 * - Cloud Run says that it mostly signals instances without traffic. ECS says that a service first takes a task out of its load
 *   balancer. Neither promises that no request follows the signal, and to wait costs little. So podrain waits on both.
 * - Nomad sends SIGTERM to the containers of Docker, and SIGINT to everything else.
 * - Docker sets no variable. The file /.dockerenv also exists in containers of other platforms, of CI and of developers, and
 *   nothing in a container shows the grace period of `docker stop`. So the option `platform` has to name Docker.
 * - A systemd service is recognised by its own process id in SYSTEMD_EXEC_PID. Other variables of systemd (INVOCATION_ID) also
 *   exist in the terminals of a desktop.
 * - There may be a load balancer in front of `docker` and `systemd`, but these two never tell a load balancer that a process ends.
 *   Only `behind` or `settle` can say how long the load balancer needs.
 */
export const platforms: Readonly<Record<Platform, PlatformFacts>> = {
  kubernetes: {
    // kubernetes.io/docs/concepts/services-networking/service/#environment-variables, also without service links
    variables: ['KUBERNETES_SERVICE_HOST'],
    graceSeconds: 30,
    setting: 'terminationGracePeriodSeconds',
    signal: 'SIGTERM',
    sends: true,
    source: 'https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination',
  },
  ecs: {
    // docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html, and version 3
    variables: ['ECS_CONTAINER_METADATA_URI_V4', 'ECS_CONTAINER_METADATA_URI'],
    graceSeconds: 30, // 120 at most on Fargate
    setting: 'stopTimeout',
    signal: 'SIGTERM',
    sends: true,
    source: 'https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html',
  },
  'cloud-run': {
    // cloud.google.com/run/docs/container-contract#env-vars, also Knative's, which is on Kubernetes
    variables: ['K_SERVICE'],
    graceSeconds: 10,
    signal: 'SIGTERM',
    sends: true,
    source: 'https://cloud.google.com/blog/topics/developers-practitioners/graceful-shutdowns-cloud-run-deep-dive',
  },
  'app-engine': {
    // cloud.google.com/appengine/docs/standard/nodejs/runtime#environment_variables
    variables: ['GAE_SERVICE'],
    signal: 'SIGTERM',
    sends: true,
    source: 'https://cloud.google.com/appengine/docs/standard/how-instances-are-managed',
  },
  'azure-container-apps': {
    variables: ['CONTAINER_APP_NAME'], // learn.microsoft.com/azure/container-apps/environment-variables
    graceSeconds: 30,
    setting: 'terminationGracePeriodSeconds',
    signal: 'SIGTERM',
    sends: true,
    source: 'https://learn.microsoft.com/azure/container-apps/application-lifecycle-management',
  },
  'azure-app-service': {
    variables: ['WEBSITE_INSTANCE_ID'],
    graceSeconds: 5, // 120 at most
    setting: 'WEBSITES_CONTAINER_STOP_TIME_LIMIT',
    graceVariable: 'WEBSITES_CONTAINER_STOP_TIME_LIMIT',
    signal: 'SIGTERM',
    sends: true,
    source: 'https://learn.microsoft.com/azure/app-service/reference-app-settings',
  },
  nomad: {
    variables: ['NOMAD_ALLOC_ID'], // developer.hashicorp.com/nomad/docs/reference/runtime-environment-settings
    graceSeconds: 5,
    setting: 'kill_timeout',
    signal: 'SIGINT',
    sends: true,
    source: 'https://developer.hashicorp.com/nomad/docs/job-specification/task',
  },
  fly: {
    variables: ['FLY_APP_NAME'], // fly.io/docs/machines/runtime-environment/
    graceSeconds: 5, // 300 at most
    setting: 'kill_timeout',
    signal: 'SIGINT',
    sends: true,
    source: 'https://fly.io/docs/reference/configuration/',
  },
  render: {
    variables: ['RENDER'], // render.com/docs/environment-variables
    graceSeconds: 30, // 300 at most
    setting: 'maxShutdownDelaySeconds',
    signal: 'SIGTERM',
    sends: true,
    source: 'https://render.com/docs/deploys',
  },
  railway: {
    variables: ['RAILWAY_PROJECT_ID'], // docs.railway.com/reference/variables
    setting: 'RAILWAY_DEPLOYMENT_DRAINING_SECONDS',
    graceVariable: 'RAILWAY_DEPLOYMENT_DRAINING_SECONDS',
    signal: 'SIGTERM',
    sends: true,
    source: 'https://docs.railway.com/deployments/deployment-teardown',
  },
  koyeb: {
    variables: ['KOYEB_APP_NAME'],
    signal: 'SIGTERM',
    sends: true,
    source: 'https://www.koyeb.com/docs/build-and-deploy/environment-variables',
  },
  heroku: {
    variables: ['DYNO'], // devcenter.heroku.com/articles/dynos#local-environment-variables
    graceSeconds: 30,
    signal: 'SIGTERM',
    repeats: true,
    sends: true,
    source: 'https://devcenter.heroku.com/articles/dyno-shutdown-behavior',
  },
  'cloud-foundry': {
    variables: ['VCAP_APPLICATION'], // docs.cloudfoundry.org/devguide/deploy-apps/environment-variable.html
    graceSeconds: 10,
    signal: 'SIGTERM',
    sends: true,
    source: 'https://docs.cloudfoundry.org/devguide/deploy-apps/app-lifecycle.html',
  },
  marathon: {
    variables: ['MARATHON_APP_ID'],
    signal: 'SIGTERM',
    sends: true,
    source: 'https://mesosphere.github.io/marathon/docs/task-environment-vars.html',
  },
  docker: {
    variables: [],
    graceSeconds: 10,
    setting: 'stop_grace_period',
    signal: 'SIGTERM',
    sends: false,
    source: 'https://docs.docker.com/reference/cli/docker/container/stop/',
  },
  systemd: {
    variables: ['SYSTEMD_EXEC_PID'], // if it is this process
    graceSeconds: 90,
    setting: 'TimeoutStopSec',
    signal: 'SIGTERM',
    sends: false,
    source: 'https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html',
  },
  none: { variables: [], signal: 'SIGTERM', sends: false, source: '' },
}

/** podrain's own variable for the grace period. It stands in a manifest, so it shows that there is some platform. */
export const graceVariable = 'TERMINATION_GRACE_PERIOD_SECONDS'

/** All environment variables that this file reads. */
export const platformVariables: readonly string[] = [
  ...new Set([
    ...Object.values(platforms).flatMap(({ variables, graceVariable = [] }) => variables.concat(graceVariable)),
    graceVariable,
  ]),
]

type Environment = Readonly<Record<string, string | undefined>>

/** Recognises the platform by the environment. An empty variable counts as not set. */
export function platformOf(environment: Environment, pid: number = process.pid): Platform {
  const names = Object.keys(platforms) as Platform[]
  const found = names.find((name) => {
    const values = platforms[name].variables.map((variable) => environment[variable])
    return name === 'systemd' ? values.includes(String(pid)) : values.some(Boolean)
  })
  return found ?? (environment[graceVariable] ? 'kubernetes' : 'none')
}
