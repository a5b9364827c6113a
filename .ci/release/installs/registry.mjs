import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

/**
 * Opens a registry on loopback with podrain's packages, so that package managers resolve them by name and range, as from npm. Requests
 * for other packages are redirected to `upstream`. `packed` is a list of { manifest, file }.
 */
export async function openRegistry(packed, upstream) {
  const server = createServer(({ url, headers }, response) => {
    const path = decodeURIComponent(url.slice(1))
    const one = packed.find(({ manifest }) => path === manifest.name || path === `${manifest.name}.tgz`)
    if (!one) return response.writeHead(302, { location: new URL(url.slice(1), upstream).href }).end()
    const tarball = readFileSync(one.file)
    if (path.endsWith('.tgz')) return response.end(tarball)
    const { name, version } = one.manifest
    const dist = {
      tarball: `http://${headers.host}/${name}.tgz`,
      integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`,
      shasum: createHash('sha1').update(tarball).digest('hex'),
    }
    response.setHeader('content-type', 'application/json').end(
      JSON.stringify({
        name,
        'dist-tags': { latest: version },
        versions: { [version]: { ...one.manifest, dist } },
        // A date long ago, because some package managers do not install new versions.
        time: { [version]: '2020-01-01T00:00:00.000Z' },
      }),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
