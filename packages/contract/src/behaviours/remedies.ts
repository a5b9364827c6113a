/** The remedies of sentences, for authors of servers in any language. */
export const remedies = {
  accept:
    'After SIGTERM keep the listener open and answer as before until load balancers have stopped sending, and only then close the listener. A preStop hook that sleeps does the same.',
  wait: 'Do not exit before the last request in flight is answered and its bytes have left the process.',
  exit: 'Handle SIGTERM: finish the requests in flight, close the server, and exit with 0.',
  deadline:
    'Set a time limit that is shorter than the grace period. When it is over, close all connections and exit with a code that is not 0. Otherwise SIGKILL ends the process, and no clean-up runs.',
  unfinished:
    'When the drain begins, close connections without a complete request, or set a time limit for them. The usual close() of a server waits for such connections.',
  goesOn: 'If a client has begun to send its request, read the rest and answer.',
  idle: 'Close idle keep-alive connections with a FIN, after the wait for load balancers and before the exit. A connection that is closed with unread bytes is reset.',
  shed: 'From the signal on, send “Connection: close” with each response, and close the connection after the response. The client then connects to another pod.',
  pipelined:
    'Pipelined requests, which a client sends before it has the earlier responses, are in flight. Answer all of them, in order.',
  goaway: 'From the signal on, send GOAWAY with NO_ERROR, and let open streams finish.',
  goingAway:
    'Send each WebSocket a close frame with the code 1001 when the drain begins, and set a time limit for the close frame of the client.',
  probes: 'Let the readiness path respond with 503 from the signal on, and the liveness path with 200 until the exit.',
  hook: 'Make the pod not ready as soon as the path of the hook is requested, and respond after the last request. Close nothing, because the signal follows the hook.',
  strangers:
    'Accept requests for the path of the hook only from the kubelet, and not through a proxy or from a page in a browser.',
  counting: 'Count a request until its response has closed, however it ends.',
} as const
