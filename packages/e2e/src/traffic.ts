/** The path that each kind of client requests. The apps have a route for each. A kind whose path is not here has no clients. */
export const requests = {
  get: '/work',
  stream: '/stream',
  post: '/upload',
  download: '/download',
  webSocket: '/echo',
  sse: '/events',
}

/** The response header with the name of the pod. */
export const podHeader = 'x-pod'
