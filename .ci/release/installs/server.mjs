import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { run } from './run.mjs'

const deadline = 120_000

/**
 * Starts a server, requests `/readyz`, and sends SIGTERM with a request in flight. Resolves with undefined if the request was answered
 * and the exit code is 0; otherwise with the complaint.
 * @param command The command that starts the server.
 * @param options `hook`: a command that runs before SIGTERM, as a preStop hook does.
 */
export async function tryServer(command, args, { cwd, env = {}, hook }) {
  // The variables of a pod, with a short grace period.
  const cluster = {
    KUBERNETES_SERVICE_HOST: '127.0.0.1',
    TERMINATION_GRACE_PERIOD_SECONDS: '10',
    NODE_ENV: 'production',
    ...(hook && { PODRAIN_SOCKET: join(cwd, 'podrain.sock') }),
  }
  const child = spawn(command, args, { cwd, env: { ...process.env, ...cluster, ...env }, detached: true })
  const lines = []
  const waiting = new Set()
  const checkAll = () => {
    for (const check of waiting) check()
  }
  const line = (pattern) =>
    new Promise((resolve, reject) => {
      const check = () => {
        const found = lines.map((text) => pattern.exec(text)).find(Boolean)
        if (!found && !over) return
        waiting.delete(check)
        if (found) resolve(found)
        else reject(new Error(`the server exited without writing ${pattern}`))
      }
      waiting.add(check)
      check()
    })
  let over = false
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (text) => {
      lines.push(text)
      checkAll()
    })
  }
  child.stdin.on('error', () => {})
  const exit = once(child, 'close').then(([code, signal]) => {
    over = true
    checkAll()
    return code ?? signal
  })
  exit.catch(() => {})
  const end = () => {
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch {}
  }
  const late = setTimeout(end, deadline)
  try {
    const [, port] = await line(/^listening (\d+)/)
    const at = (path) => fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })
    const ready = await at('/readyz')
    if (ready.status !== 200) throw new Error(`/readyz responded with ${ready.status}`)
    const answer = at('/held').then(async (response) => `${response.status} ${await response.text()}`)
    answer.catch(() => {})
    await line(/^held/)
    const hooked = hook && run(cwd, hook[0], hook.slice(1), { ...env, ...cluster })
    hooked?.catch(() => {})
    if (!hook) child.kill('SIGTERM')
    // The drain has begun when /readyz responds with 503.
    while (!over && (await at('/readyz')).status !== 503);
    child.stdin.write('\n')
    const text = await answer
    if (text !== '200 answered') throw new Error(`the request in flight got ${text}`)
    if (hook) {
      await hooked
      child.kill('SIGTERM')
    }
    const code = await exit
    if (code !== 0) throw new Error(`exit ${code}`)
  } catch (error) {
    return `${error.message}\n${lines.slice(-12).join('\n')}`
  } finally {
    clearTimeout(late)
    end()
  }
}
