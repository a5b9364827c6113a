// What 1,000 documents take: 500 Deployments and 500 Services that belong together, as one text and as 500 files.
const { lint, writeManifest } = require('@podrain/manifests')

const texts = Array.from({ length: 500 }, (_, index) => {
  const [deployment, service] = writeManifest({ name: `app-${index}`, image: 'app:1', longestRequest: 10_000 }).split(
    '---\n',
  )
  return `${deployment}---\n${service}`
})

function measure(name, sources) {
  const started = performance.now()
  const { documents, findings } = lint(sources)
  const took = performance.now() - started
  console.log(
    `${name}: ${documents} documents in ${Math.round(took)} ms, ${(took / documents).toFixed(2)} ms each; ${findings.length} findings`,
  )
}

measure('first, with loading the schemas', [{ file: 'one.yaml', text: texts[0] }])
measure('one file', [{ file: 'all.yaml', text: texts.join('---\n') }])
measure(
  '500 files',
  texts.map((text, index) => ({ file: `${index}.yaml`, text })),
)
