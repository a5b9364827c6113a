/** What the apps answer. A kind of client whose path is not here has no clients. */
export const requests = {
  get: '/work',
  stream: '/stream',
  post: '/upload',
  download: '/download',
  webSocket: '/echo',
  sse: '/events',
}

/** The header by which a pod says its name. */
export const podHeader = 'x-pod'
