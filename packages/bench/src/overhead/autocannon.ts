/** Sends requests for each message that it gets, in its own process. */
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
    sampleInt: Math.min(1, seconds) * 1000, // autocannon checks its duration at this interval
  })
  process.send?.({
    requests: result.requests.total,
    seconds: (result.finish.getTime() - result.start.getTime()) / 1000,
    failed: result.errors + result.non2xx,
  })
})
