import { patience } from '../front.js'
import type { Program } from '../program.js'

const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']

/** Forwards requests and upgrades to `upstream service` unchanged and without buffering. */
export const forwarding = `proxy_pass http://service;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $podrain_connection;
      proxy_buffering off;
      proxy_request_buffering off;`

export const nginx: Program = {
  from: 'Debian: nginx-light',
  configure({ listen, upstream, keepAlive, retries }, directory) {
    // nginx retries on another server, never on the same one, so the relay is listed once for each attempt.
    const servers = Array(retries + 1).fill(`    server ${upstream.host}:${upstream.port} max_fails=0;`)
    const again =
      retries === 0
        ? '      proxy_next_upstream off;'
        : `      proxy_next_upstream error timeout;\n      proxy_next_upstream_tries ${retries + 1};`
    const text = `${process.getuid?.() === 0 ? 'user root;\n' : ''}worker_processes 1;
daemon off;
pid ${directory}/nginx.pid;
error_log stderr error;
events {
  worker_connections 8192;
}
http {
  access_log off;
${temporary.map((name) => `  ${name}_temp_path ${directory}/${name};`).join('\n')}
  client_max_body_size 0;
  map $http_upgrade $podrain_connection {
    default upgrade;
    '' '${keepAlive === 0 ? 'close' : ''}';
  }
  upstream service {
${servers.join('\n')}
${keepAlive === 0 ? '' : `    keepalive ${keepAlive};\n`}  }
  server {
    listen ${listen.host}:${listen.port} backlog=4096;
    location / {
      ${forwarding}
      proxy_connect_timeout ${patience.connect}s;
      proxy_read_timeout ${patience.answer}s;
      proxy_send_timeout ${patience.answer}s;
${again}
    }
  }
}
`
    return { args: ['-e', 'stderr', '-p', directory, '-c', `${directory}/nginx.conf`], files: { 'nginx.conf': text } }
  },
}
