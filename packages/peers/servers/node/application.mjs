import { WebSocketServer } from 'ws'

const big = Buffer.alloc(20_000_000, 'x')

/** The application of every Node server in this folder. */
export function handle(request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://pod')
  const ms = Number(searchParams.get('ms'))
  if (pathname === '/') {
    response.end('hello')
  } else if (pathname === '/slow') {
    soon(response, ms, () => response.end('slow'))
  } else if (pathname === '/stream') {
    response.write('first ')
    soon(response, ms, () => response.end('last'))
  } else if (pathname === '/big') {
    response.end(big)
  } else if (pathname === '/upload') {
    request.resume().on('end', () => response.end('thanks'))
  } else {
    response.writeHead(404).end()
  }
}

/** Acts after a time, unless the client has hung up before. */
function soon(response, ms, act) {
  const timer = setTimeout(act, ms)
  response.on('close', () => clearTimeout(timer))
}

/** Sends each message of a WebSocket back. */
export function echo(server) {
  new WebSocketServer({ server, path: '/socket' }).on('connection', (socket) => {
    socket.on('message', (data) => socket.send(data))
  })
  return server
}

/** The options of podrain, scaled from a grace period of 30 s to one of 5 s. */
export const options = {
  settle: { min: 800, quiet: 200 },
  keepAliveCap: 800,
  reserve: 200,
  closing: 500,
  logger: false,
}
