import { patience } from '../front.js'
import type { Program } from '../program.js'

export const haproxy: Program = {
  from: 'Debian: haproxy',
  configure({ listen, upstream, keepAlive, retries }, directory) {
    const again =
      retries === 0
        ? ''
        : `  option redispatch
  retry-on conn-failure empty-response
  http-request disable-l7-retry unless { method GET HEAD OPTIONS TRACE PUT DELETE }
`
    const text = `global
  maxconn 8192
  no strict-limits
  nbthread 1
defaults
  mode http
  retries ${retries}
  timeout connect ${patience.connect}s
  timeout client ${patience.answer}s
  timeout server ${patience.answer}s
  timeout tunnel 1h
frontend clients
  bind ${listen.host}:${listen.port}
  default_backend service
backend service
  http-reuse ${keepAlive === 0 ? 'never' : 'always'}
${keepAlive === 0 ? '  option http-server-close\n' : ''}${again}  server service ${upstream.host}:${upstream.port} pool-max-conn ${keepAlive}
`
    return { args: ['-db', '-f', `${directory}/haproxy.cfg`], files: { 'haproxy.cfg': text } }
  },
}
