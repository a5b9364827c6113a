// Starts a helper in its own session, as pm2 and browsers do, and serves until SIGTERM.
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'

spawn('sleep', ['777'], { detached: true, stdio: 'ignore' }).unref()
process.on('SIGTERM', () => process.exit(0))
createServer((_, response) => response.end('done')).listen(Number(process.env.PORT), process.env.HOST)
