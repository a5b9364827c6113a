import { patience } from '../front.js'
import type { Program } from '../program.js'

/** In addition to `retries`, Go's HTTP client retries a request whose keep-alive connection was closed before the request was sent. */
export const caddy: Program = {
  from: 'Debian: caddy',
  configure({ listen, upstream, keepAlive, retries }, directory) {
    const text = `{
	admin off
	auto_https off
	log {
		level ERROR
	}
}
http://:${listen.port} {
	bind ${listen.host}
	reverse_proxy ${upstream.host}:${upstream.port} {
		flush_interval -1
${retries === 0 ? '' : `		lb_retries ${retries}\n`}		transport http {
			dial_timeout ${patience.connect}s
			response_header_timeout ${patience.answer}s
			${keepAlive === 0 ? 'keepalive off' : `keepalive_idle_conns_per_host ${keepAlive}`}
		}
	}
}
`
    return {
      args: ['run', '--adapter', 'caddyfile', '--config', `${directory}/Caddyfile`],
      files: { Caddyfile: text },
    }
  },
}
