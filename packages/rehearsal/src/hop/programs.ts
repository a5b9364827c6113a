import type { Through } from '../plan/options.js'
import type { Program } from './program.js'
import { caddy } from './programs/caddy.js'
import { envoy } from './programs/envoy.js'
import { haproxy } from './programs/haproxy.js'
import { nginx } from './programs/nginx.js'
import { traefik } from './programs/traefik.js'

/** Every program, by the name of its command. */
export const programs: Readonly<Record<Exclude<Through, 'proxy'>, Program>> = { nginx, haproxy, envoy, traefik, caddy }
