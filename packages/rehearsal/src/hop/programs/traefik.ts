import { patience } from '../front.js'
import type { Program } from '../program.js'

/** In addition to `retries`, Go's HTTP client retries a request whose keep-alive connection was closed before the request was sent. */
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
            // A negative number turns keep-alive off; 0 would mean the default.
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
      // JSON is valid YAML. Traefik reads only files that end in .yaml, .yml or .toml.
      files: { 'dynamic.yaml': JSON.stringify(dynamic, null, 2) },
    }
  },
}
