/** What would keep sentences: each for whoever writes a server, in any language. */
export const remedies = {
  accept:
    'After SIGTERM keep the listener open and answer as before, for as long as load balancers need to learn of the end; only then close it. A preStop hook that sleeps does the same.',
  wait: 'Do not exit before the last request in flight is answered and its bytes have left the process.',
  exit: 'Handle SIGTERM: end in order, and exit with 0.',
  deadline:
    'Set a time limit of your own, shorter than the grace period; when it is over, close what is open and exit with a code that is not 0. Otherwise SIGKILL ends the process, and nothing after it runs.',
  unfinished:
    'When the end begins, close connections that have sent no whole request, or limit how long they may take: an ordinary close() of a server waits for them.',
  goesOn: 'A client that has begun to send its request is in time: read the rest and answer.',
  idle: 'Close idle keep-alive connections in order, with a FIN, after the wait for load balancers and before the exit. A connection that closes with unread bytes is reset.',
  shed: 'From the signal on, answer with “Connection: close”, and close the connection after the answer: the client opens its next one to another pod.',
  pipelined:
    'Requests that were sent before the answers were there are requests in flight: answer all of them, in order.',
  goaway: 'From the signal on, send GOAWAY with NO_ERROR and let the streams that are open finish.',
  goingAway:
    'Send each WebSocket a close frame with the code 1001 when the end begins, and limit how long its answer may take.',
  probes: 'Let the readiness path say 503 from the signal on, and the liveness path 200 until the exit.',
  hook: 'Let the hook’s path take the pod out of service at once and be answered when the last request is; it must close nothing, as the signal comes after it.',
  strangers:
    'Answer the hook’s path to the kubelet alone: not to what came through a proxy or from a page in a browser.',
  counting: 'Count a request until its response has closed, however it ends.',
} as const
