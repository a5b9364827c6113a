import { tmpdir } from 'node:os'

/** What an init does as PID 1: it passes SIGTERM on to its child, and exits with the exit code of the child. */
const init = '"$@" & trap "kill -TERM $!" TERM; wait $!; wait $!'
/** An app that does not get SIGTERM loses the same requests as node as PID 1 without a handler. */
const unheard = { keepAlive: [5, 8], newConnection: [0, 0], gone: 35 }

/** The second cluster. Its pods were ready a second after their creation, and some of its clients sent rarely. */
const later = { on: ' (1.35)', startDelay: 0, slowKeepAlive: 30 }
const hook = { httpGet: { path: '/prestop' } }
const nothing = { keepAlive: [0, 0], newConnection: [0, 0] }

/**
 * Lost requests and seconds as measured on the cluster. A range is of at least three rolling restarts. `now`: the expected losses since a
 * fix in podrain, which was not measured on the cluster again. `seen`: seconds under clients that are not known well enough to compare.
 */
export const rows = [
  {
    app: 'no signal handling, node is PID 1',
    env: { APP: 'bare' },
    real: { keepAlive: [5, 8], newConnection: [0, 0], gone: 35 },
  },
  {
    app: 'no signal handling, under an init',
    env: { APP: 'bare' },
    command: ['sh', '-c', init, 'init', process.execPath, 'server.mjs'],
    real: { keepAlive: [11, 22], newConnection: [18, 30], gone: 6 },
  },
  {
    app: 'an app under npm start',
    env: { APP: 'close' },
    command: ['npm', 'start'],
    // Not measured on the cluster. The result depends on npm: version 11 passes SIGTERM only to its shell, and exits when the shell has.
    real: {},
  },
  {
    app: 'an app under a script without exec',
    env: { APP: 'close' },
    command: ['sh', 'entry.sh'],
    real: unheard,
  },
  {
    app: 'SIGTERM → server.close() → exit',
    env: { APP: 'close' },
    real: { keepAlive: [4, 16], newConnection: [28, 191], gone: 36 },
  },
  {
    app: 'preStop sleep 5 + the same',
    env: { APP: 'close' },
    preStop: { sleep: { seconds: 5 } },
    // A pod whose connections happen to be idle exits early. In some restarts that is the last pod, so there are two.
    restarts: 2,
    real: { keepAlive: [2, 4], newConnection: [0, 1], gone: 40 },
  },
  {
    app: 'preStop httpGet that waits 5 s + the same',
    env: { APP: 'close' },
    preStop: hook,
    real: { keepAlive: [4, 5], newConnection: [0, 0], gone: 40 },
  },
  {
    app: 'the rules of podrain (cluster: a prototype with a ramp; here: podrain)',
    env: { APP: 'podrain' },
    preStop: hook,
    real: { keepAlive: [0, 0], newConnection: [0, 0], gone: 11 },
  },
  {
    app: 'podrain through nginx (keepalive 64, no retries)',
    env: { APP: 'podrain' },
    preStop: hook,
    through: 'nginx',
    real: { keepAlive: [0, 0], newConnection: [0, 0], gone: 10.5 },
  },
  {
    app: 'podrain through haproxy (http-reuse always, no retries)',
    env: { APP: 'podrain' },
    preStop: hook,
    through: 'haproxy',
    real: { keepAlive: [0, 0], newConnection: [0, 0], gone: 10.5 },
  },
  {
    app: 'podrain, exec hook',
    env: { APP: 'podrain, exec hook' },
    preStop: {
      exec: {
        command: [
          process.execPath,
          '../../../packages/core/bin/podrain-prestop.js',
          `${tmpdir()}/podrain-faithful-{port}.sock`,
        ],
      },
    },
    ...later,
    // Measured as an e2e case on the cluster. Its times were not stored.
    real: nothing,
  },
  {
    app: 'Express, podrain and a SIGTERM handler that closes, httpGet hook',
    env: { APP: 'express, a handler of its own' },
    preStop: hook,
    ...later,
    real: { ...nothing, seen: 11.1 },
  },
  {
    app: 'the same without a hook',
    env: { APP: 'express, a handler of its own' },
    ...later,
    now: nothing,
    real: { seen: 10.4 },
  },
  {
    app: 'podrain, every response says Connection: keep-alive',
    env: { APP: 'podrain, explicit keep-alive' },
    preStop: hook,
    ...later,
    real: { ...nothing, seen: '29.2 †' },
  },
  {
    app: 'Express with podrain, 10 replicas, 25 % and 25 %',
    env: { APP: 'express' },
    preStop: hook,
    replicas: 10,
    ...later,
    real: { ...nothing, seen: 14.3 },
  },
  {
    app: 'slow downloads: exits when all responses have closed',
    env: { APP: 'careful' },
    downloads: true,
    restarts: 4,
    real: { slowReader: [5, 5], keepAlive: [0, 0], newConnection: [0, 0] },
  },
  {
    app: 'slow downloads: waits for the send queues, too (podrain)',
    env: { APP: 'podrain' },
    preStop: hook,
    downloads: true,
    restarts: 4,
    real: { slowReader: [0, 0], keepAlive: [0, 0], newConnection: [0, 0] },
  },
]
