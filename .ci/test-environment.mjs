// Runs before each test file, so that the tests find the same environment on a laptop, in CI and in a pod.
import { graceVariable, platforms } from '../packages/core/dist/budget.js'

const { EXPECTED_NODE } = process.env
if (EXPECTED_NODE && process.version !== EXPECTED_NODE)
  throw new Error(`expected Node ${EXPECTED_NODE}, got ${process.version}`)

// The programs under test read these variables. Whoever runs the tests may have set them: CI sets CI, which turns colours on, and
// Kubernetes sets KUBERNETES_SERVICE_HOST. A variable that is for the tests themselves begins with TEST_.
const colours = ['CI', 'FORCE_COLOR', 'NO_COLOR']
const places = Object.values(platforms).flatMap(({ variables, graceVariable = [] }) => variables.concat(graceVariable))
const pod = [graceVariable, 'POD_NAME', 'POD_NAMESPACE', 'HOST', 'PORT']
const own = Object.keys(process.env).filter((name) => name.startsWith('PODRAIN_'))
for (const name of [...colours, ...places, ...pod, ...own]) delete process.env[name]
