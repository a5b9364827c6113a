/** Types from the README, because neither the package nor DefinitelyTyped has any. Only what is used here. */
declare module 'lil-http-terminator' {
  import type { Server } from 'node:net'

  interface Options {
    readonly server: Server
    /** Milliseconds for connections with a request, until they are destroyed. @default 1000 */
    readonly gracefulTerminationTimeout?: number
    /** Milliseconds after which `terminate` resolves in any case. @default 30_000 */
    readonly maxWaitTimeout?: number
  }

  interface Terminator {
    /** Never rejects. */
    terminate(): Promise<{ success: boolean; code: string; message: string; error?: Error }>
  }

  export default function HttpTerminator(options: Options): Terminator
}
