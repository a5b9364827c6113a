import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { app, podrain, short } from './support.js'

test('--through says what stands between before it begins, and what clients saw of it after', async () => {
  const { code, stdout } = await podrain(['rehearse', ...short, '--through', 'proxy', '--hop-retries', '0', ...app])
  expect(stdout).toMatch(/^through +podrain's own proxy, 64 kept connections, no retries$/m)
  expect(stdout).toMatch(/× status 502/)
  expect(stdout).toMatch(/The proxy answered 502, as old-1 /)
  expect(code).toBe(1)
})

test('--through with a program that is not here names it, the flag, and what needs no program', async ({ skip }) => {
  skip(spawnSync('envoy', ['--version']).error === undefined, 'envoy is installed')
  const { code, stderr } = await podrain(['rehearse', ...short, '--through', 'envoy', '--get', '/', ...app])
  expect(stderr).toMatch(/`--through`: envoy is not installed .* use `proxy`, which is built in/)
  expect(code).toBe(2)
})

test.each([
  [['--through', 'squid'], '`--through` to be one of nginx, haproxy, envoy, traefik, caddy, proxy, got `squid`'],
  [
    ['--hop-retries', '2'],
    '`--hop-keep-alive` to be left out when nothing stands between clients and pods (`--through`)',
  ],
  [['--through', 'nginx', '--http2', '/'], '`--http2` to be left out with `--through`'],
  [['--through', 'proxy', '--grpc'], '`--grpc` to be left out with `--through`'],
])('%s is refused', async (flags, message) => {
  const { code, stderr } = await podrain(['rehearse', ...flags, ...app])
  expect(stderr).toContain(message)
  expect(code).toBe(2)
})
