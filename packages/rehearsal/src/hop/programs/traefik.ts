import { patience } from '../front.js'
import type { Program } from '../program.js'

/** Beyond `retries`, Go's own client repeats a request whose kept connection was closed before it was used. */
export const traefik: Program = {
  from: 'https://doc.traefik.io/traefik/getting-started/install-traefik; Debian has no package of it',
  configure({ listen, upstream, keepAlive, retries }, directory) {
    const dynamic = {
      http: {
        routers: {
          service: {
            rule: 'PathPrefix(`/`)',
            entryPoints: ['clients'],
            service: 'service',
            ...(retries === 0 ? {} : { middlewares: ['again'] }),
          },
        },
        ...(retries === 0 ? {} : { middlewares: { again: { retry: { attempts: retries + 1 } } } }),
        services: {
          service: {
            loadBalancer: {
              serversTransport: 'pods',
              responseForwarding: { flushInterval: '1ms' },
              servers: [{ url: `http://${upstream.host}:${upstream.port}` }],
            },
          },
        },
        serversTransports: {
          pods: {
            // Negative: none.
            maxIdleConnsPerHost: keepAlive === 0 ? -1 : keepAlive,
            forwardingTimeouts: { dialTimeout: `${patience.connect}s`, responseHeaderTimeout: `${patience.answer}s` },
          },
        },
      },
    }
    return {
      args: [
        `--entryPoints.clients.address=${listen.host}:${listen.port}`,
        `--providers.file.filename=${directory}/dynamic.yaml`,
        '--global.checkNewVersion=false',
        '--global.sendAnonymousUsage=false',
        '--log.level=ERROR',
      ],
      // JSON is YAML, and it takes files by that ending only.
      files: { 'dynamic.yaml': JSON.stringify(dynamic, null, 2) },
    }
  },
}
