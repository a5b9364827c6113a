import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { certificate } from '../../rehearsal/test/certificate.js'
import { podrain } from './support.js'

const quick = ['--replicas', '1', '--warm-up', '200ms', '--cool-down', '100ms', '--ready-period', '100ms']
const fixture = (name: string) => join(__dirname, '../../rehearsal/test/fixtures', name)

describe.concurrent('rehearse', () => {
  test('--grpc calls an app that speaks nothing else, and says which method', async () => {
    const app = ['--env', 'BARE=1', '--', process.execPath, fixture('grpc.mjs')]
    const { code, stdout } = await podrain(['rehearse', ...quick, '--ready', 'grpc', '--grpc', ...app])
    expect(stdout).toMatch(/^readiness +gRPC health every 0\.1 s$/m)
    expect(stdout).toMatch(/^hook +none; /m)
    expect(stdout).toMatch(/^requests +gRPC \/grpc\.health\.v1\.Health\/Check, 0 bytes$/m)
    expect([0, 1]).toContain(code)
  })

  test('names the flag for an app that speaks only HTTP/2, when no request is given', async () => {
    const app = ['--env', 'BARE=1', '--', process.execPath, fixture('grpc.mjs')]
    const { code, stderr } = await podrain(['rehearse', '--ready', 'grpc', ...app])
    expect(stderr).toMatch(/Your app speaks only HTTP\/2.*`--grpc`, or `--http2 \/path`/)
    expect(code).toBe(2)
  })

  test('--tls finds out by TLS what it has to know, and loses nothing of an app with podrain', async () => {
    const env = { TLS: JSON.stringify(await certificate()), SERVER: 'https' }
    const args = ['--tls', '--ready', '/readyz', '--ready-timeout', '5s', '--endpoint-lag', '0ms,100ms,200ms']
    const app = ['--', process.execPath, fixture('tls.mjs')]
    const { code, stdout } = await podrain(['rehearse', ...quick, ...args, ...app], env)
    expect(stdout).toMatch(/^app +.*tls\.mjs \(answers TLS\)$/m)
    expect(stdout).toMatch(/^readiness +GET \/readyz by HTTPS every 0\.1 s$/m)
    expect(stdout).toMatch(/^hook +GET \/prestop by HTTPS; .*podrain was found in the app/m)
    expect(code).toBe(0)
  })

  test('names --tls for an app that uses TLS without it', async () => {
    const env = { TLS: JSON.stringify(await certificate()), SERVER: 'https', BARE: '1' }
    const { code, stderr } = await podrain(['rehearse', '--', process.execPath, fixture('tls.mjs')], env)
    expect(stderr).toMatch(/Your app speaks TLS on port \d+: add `--tls`\./)
    expect(code).toBe(2)
  })
})
