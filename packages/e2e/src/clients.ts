import type { ClientCounts, ClientKind } from '@podrain/rehearsal'
import { requests } from './asked.js'
import { eachKind, kinds } from './crowd.js'

/** What a kind of client asks for; undefined: the apps have nothing for it. */
export function pathOf(kind: ClientKind): string | undefined {
  const paths: Readonly<Record<string, string>> = requests
  return paths[kinds[kind].path]
}

/** Who asks, in every case. Many that ask seldom are what a keep-alive timeout of a server is to be tried with. */
export const clients: Readonly<ClientCounts> = {
  ...eachKind((kind) => (pathOf(kind) === undefined ? 0 : kinds[kind].count)),
  slowKeepAlive: 30,
}
