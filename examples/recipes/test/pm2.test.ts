import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'vitest'
import { Service } from './support/service.js'
import { Upstream } from './support/upstream.js'

/** The flags of pm2-runtime, and its possible exit codes. */
const ways: [how: string, flags: string[], codes: number[]][] = [
  ['', ['--no-auto-exit'], [0]],
  [', also if pm2-runtime signals them again', [], [0, 2]],
]

test.concurrent.for(ways)(
  'workers of pm2 answer requests in flight at SIGTERM, also 10 s later, and new requests%s',
  async ([, flags, codes], context) => {
    const { expect } = context
    const home = mkdtempSync(join(tmpdir(), 'podrain-pm2-'))
    context.onTestFinished(() => rmSync(home, { recursive: true, force: true }))
    const upstream = await Upstream.start(context)
    const command = [join('node_modules', 'pm2', 'bin', 'pm2-runtime'), 'start', ...flags, 'pm2.config.cjs']
    const service = await Service.start(context, command, { UPSTREAM_URL: upstream.url, PM2_HOME: home })
    await expect.poll(() => service.lines.filter((line) => /^listening/.test(line))).toHaveLength(2)
    const slow = [1, 2].map(() => service.ask('/prices/slow'))
    await expect.poll(upstream.held).toBe(2)
    service.signal('SIGTERM')
    await service.line(/draining because of SIGINT/)
    expect(await service.ask('/prices/bolt')).toEqual({ status: 200, body: '{"price":2}' })
    // With --auto-exit, pm2-runtime notices that no application is online, and signals all of them again after 8 s.
    await service.line(/draining for 1\d\.\d s/)
    expect(await service.ask('/prices/bolt')).toEqual({ status: 200, body: '{"price":2}' })
    upstream.release()
    for (const answer of await Promise.all(slow)) expect(answer).toEqual({ status: 200, body: '{"price":2}' })
    expect(codes).toContain((await service.exit)[0])
    expect(service.lines.filter((line) => /drained in .* after SIGINT; nothing cut/.test(line))).toHaveLength(2)
  },
)
