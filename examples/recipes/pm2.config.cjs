// pm2-runtime start --no-auto-exit pm2.config.cjs
module.exports = {
  apps: [
    {
      name: 'shop',
      script: 'hono.js',
      exec_mode: 'cluster',
      instances: 2,
      // The grace period less one second. By default pm2 kills a process after 1.6 s.
      kill_timeout: 29_000,
    },
  ],
}
