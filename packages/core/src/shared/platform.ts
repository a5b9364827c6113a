/**
 * Where the process runs. `kubernetes` is any platform that goes on sending requests until it has learned that the
 * process ends. `none` is a laptop or a test, where nothing has to learn it.
 */
export type Platform = 'kubernetes' | 'none'

export const platforms: readonly Platform[] = ['kubernetes', 'none']

/**
 * The environment variables that platforms set in every container, with the source. For a platform that is missing
 * here, set the option `platform`.
 */
export const platformVariables: readonly string[] = [
  'KUBERNETES_SERVICE_HOST', // kubernetes.io/docs/concepts/services-networking/service/#environment-variables, also without service links
  'ECS_CONTAINER_METADATA_URI_V4', // docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
  'ECS_CONTAINER_METADATA_URI', // the same, version 3
  'K_SERVICE', // Cloud Run and Knative: cloud.google.com/run/docs/container-contract#env-vars
  'NOMAD_ALLOC_ID', // developer.hashicorp.com/nomad/docs/reference/runtime-environment-settings
  'FLY_APP_NAME', // fly.io/docs/machines/runtime-environment/
  'RENDER', // render.com/docs/environment-variables
  'DYNO', // Heroku: devcenter.heroku.com/articles/dynos#local-environment-variables
  'GAE_SERVICE', // App Engine: cloud.google.com/appengine/docs/standard/nodejs/runtime#environment_variables
  'VCAP_APPLICATION', // Cloud Foundry: docs.cloudfoundry.org/devguide/deploy-apps/environment-variable.html
  'MARATHON_APP_ID', // Marathon: mesosphere.github.io/marathon/docs/task-environment-vars.html
  'RAILWAY_PROJECT_ID', // docs.railway.com/reference/variables
  'KOYEB_APP_NAME', // koyeb.com/docs/build-and-deploy/environment-variables
  'CONTAINER_APP_NAME', // Azure Container Apps: learn.microsoft.com/azure/container-apps/environment-variables
  'TERMINATION_GRACE_PERIOD_SECONDS', // podrain's own: who sets it has written it into a manifest
  'WEBSITE_INSTANCE_ID', // Azure App Service: learn.microsoft.com/azure/app-service/reference-app-settings
]

/** The platform that the environment shows. An empty variable counts as not set. */
export function platformOf(environment: Readonly<Record<string, string | undefined>>): Platform {
  return platformVariables.some((name) => environment[name]) ? 'kubernetes' : 'none'
}
