import { patience } from '../front.js'
import type { Program } from '../program.js'

/** A route to the pods. */
function route(match: object, retries: number): object {
  return {
    match,
    route: {
      cluster: 'service',
      timeout: '0s',
      idle_timeout: `${patience.answer}s`,
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      ...(retries === 0
        ? {}
        : { retry_policy: { retry_on: 'connect-failure,refused-stream,reset', num_retries: retries } }),
    },
  }
}

/** Above any load of a rehearsal, so that Envoy's circuit breakers never open. */
const plenty = 1_000_000

/** Envoy has no limit on idle connections, so of `keepAlive` only 0 counts: then each request has its own connection. */
export const envoy: Program = {
  from: 'https://www.envoyproxy.io/docs/envoy/latest/start/install; Debian has no package of it',
  configure({ listen, upstream, keepAlive, retries }, directory) {
    const repeatable = {
      prefix: '/',
      headers: [{ name: ':method', string_match: { safe_regex: { regex: 'GET|HEAD|OPTIONS|TRACE|PUT|DELETE' } } }],
    }
    const address = ({ host, port }: typeof listen) => ({ socket_address: { address: host, port_value: port } })
    const config = {
      static_resources: {
        listeners: [
          {
            address: address(listen),
            filter_chains: [
              {
                filters: [
                  {
                    name: 'envoy.filters.network.http_connection_manager',
                    typed_config: {
                      '@type':
                        'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                      stat_prefix: 'clients',
                      upgrade_configs: [{ upgrade_type: 'websocket' }],
                      route_config: {
                        virtual_hosts: [
                          {
                            name: 'service',
                            domains: ['*'],
                            routes: [...(retries === 0 ? [] : [route(repeatable, retries)]), route({ prefix: '/' }, 0)],
                          },
                        ],
                      },
                      http_filters: [
                        {
                          name: 'envoy.filters.http.router',
                          typed_config: {
                            '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
                          },
                        },
                      ],
                    },
                  },
                ],
              },
            ],
          },
        ],
        clusters: [
          {
            name: 'service',
            type: 'STATIC',
            connect_timeout: `${patience.connect}s`,
            circuit_breakers: {
              thresholds: [
                { max_connections: plenty, max_pending_requests: plenty, max_requests: plenty, max_retries: plenty },
              ],
            },
            typed_extension_protocol_options: {
              'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
                '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
                common_http_protocol_options: keepAlive === 0 ? { max_requests_per_connection: 1 } : {},
                explicit_http_config: { http_protocol_options: {} },
              },
            },
            load_assignment: {
              cluster_name: 'service',
              endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstream) } }] }],
            },
          },
        ],
      },
    }
    return {
      args: [
        '--config-path',
        `${directory}/envoy.json`,
        '--use-dynamic-base-id',
        '--concurrency',
        '1',
        '--log-level',
        'error',
      ],
      files: { 'envoy.json': JSON.stringify(config, null, 2) },
    }
  },
}
