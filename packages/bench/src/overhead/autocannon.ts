/** Sends requests when it is told to, in a process of its own. */
import autocannon from 'autocannon'

interface Order {
  readonly port: number
  readonly seconds: number
  readonly connections: number
}

process.on('message', async ({ port, seconds, connections }: Order) => {
  const result = await autocannon({
    url: `http://127.0.0.1:${port}/`,
    connections,
    duration: seconds,
    sampleInt: Math.min(1, seconds) * 1000, // it looks at its duration that often
  })
  process.send?.({
    requests: result.requests.total,
    seconds: (result.finish.getTime() - result.start.getTime()) / 1000,
    failed: result.errors + result.non2xx,
  })
})
