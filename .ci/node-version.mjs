// Runs before each test file. Fails if the tests do not run on the Node version that the script has chosen.
const { EXPECTED_NODE } = process.env
if (EXPECTED_NODE && process.version !== EXPECTED_NODE)
  throw new Error(`expected Node ${EXPECTED_NODE}, got ${process.version}`)
