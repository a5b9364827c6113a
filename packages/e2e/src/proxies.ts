// Not exported by @podrain/rehearsal, see rehearsal-internals.ts.
import { forwarding } from '../../rehearsal/dist/hop/programs/nginx.js'
import type { Through } from './cases.js'

/** The command of a proxy between the clients and the Service, and its files. */
export interface Proxy {
  readonly files: Readonly<Record<string, string>>
  readonly command: readonly string[]
}

export const proxyPort = 8080

export function proxyOf(
  through: Exclude<Through, 'nothing'>,
  upstream: string,
  bundleOf: (name: string) => string,
): Proxy {
  if (through === 'proxy') return { files: { 'proxy.js': bundleOf('proxy') }, command: ['node', '/proxy/proxy.js'] }
  return {
    files: {
      'ipv4.conf': nginx(upstream, `${proxyPort}`),
      'ipv6.conf': nginx(upstream, `[::]:${proxyPort} ipv6only=off`),
    },
    // nginx has no address for both IPv4 and IPv6 that works everywhere. `[::]` is an error if the kernel has no IPv6.
    command: ['sh', '-c', 'exec nginx -e stderr -c /proxy/$([ -s /proc/net/if_inet6 ] && echo ipv6 || echo ipv4).conf'],
  }
}

/**
 * The configuration of nginx: keep-alive connections, and no retries, so a request that a pod does not answer is lost. nginx closes an
 * idle connection after 4 s, before Node does after 5 s. Otherwise nginx would now and then send a request just as Node closes the
 * connection, with podrain or without.
 */
function nginx(upstream: string, listen: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `worker_processes 1;
daemon off;
pid /tmp/nginx.pid;
events {
  worker_connections 1024;
}
http {
  access_log off;
${temporary.map((name) => `  ${name}_temp_path /tmp/${name};`).join('\n')}
  client_max_body_size 0;
  map $http_upgrade $podrain_connection {
    default upgrade;
    '' '';
  }
  upstream service {
    server ${upstream}:80 max_fails=0;
    keepalive 64;
    keepalive_timeout 4s;
  }
  server {
    listen ${listen};
    location / {
      ${forwarding}
      proxy_next_upstream off;
    }
  }
}
`
}
