// Before each test file: that it runs on the Node that its column of a table names.
const { EXPECTED_NODE } = process.env
if (EXPECTED_NODE && process.version !== EXPECTED_NODE) throw new Error(`on ${process.version}, not ${EXPECTED_NODE}`)
