// Runs before each test file, so that the tests find the same environment on a laptop, in CI and in a pod.
import { graceVariable, platforms } from '../../packages/core/dist/budget.js'

const { env } = process
if (env.EXPECTED_NODE && process.version !== env.EXPECTED_NODE)
  throw new Error(`expected Node ${env.EXPECTED_NODE}, got ${process.version}`)

// The programs under test read these variables. Whoever runs the tests may have set them: Kubernetes sets KUBERNETES_SERVICE_HOST, and
// a company sets a proxy. A variable that is for the tests themselves begins with TEST_.
const places = Object.values(platforms).flatMap(({ variables, graceVariable = [] }) => variables.concat(graceVariable))
const pod = [graceVariable, 'POD_NAME', 'POD_NAMESPACE', 'HOST', 'PORT']
const own = Object.keys(env).filter((name) => name.startsWith('PODRAIN_'))
for (const name of [...places, ...pod, ...own]) delete env[name]

// CI sets CI, which turns the colours of most programs on.
delete env.CI
delete env.FORCE_COLOR
env.NO_COLOR = '1'

// The tests connect to this machine without a proxy.
env.no_proxy = env.NO_PROXY = ['127.0.0.1', 'localhost', env.no_proxy ?? env.NO_PROXY].filter(Boolean).join(',')
