import type { ClientCounts, ClientKind } from '@podrain/rehearsal'
import { eachKind, kinds } from './rehearsal-internals.js'
import { requests } from './traffic.js'

/** The path that a kind of client requests; undefined if the apps have no route for it. */
export function pathOf(kind: ClientKind): string | undefined {
  const paths: Readonly<Record<string, string>> = requests
  return paths[kinds[kind].path]
}

/** The clients in every case. Many of them send rarely, to test the server's keep-alive timeout. */
export const clients: Readonly<ClientCounts> = {
  ...eachKind((kind) => (pathOf(kind) === undefined ? 0 : kinds[kind].count)),
  slowKeepAlive: 30,
}
