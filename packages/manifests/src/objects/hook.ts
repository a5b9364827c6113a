import type { Place } from '../text/place.js'
import { programOf, sleepsOf, wordsOf } from './shell.js'

export type Handler = 'exec' | 'httpGet' | 'tcpSocket' | 'sleep'

const handlers: readonly Handler[] = ['exec', 'httpGet', 'tcpSocket', 'sleep']

/** What a container is to do before it is signalled. */
export class Hook {
  readonly place: Place
  /** All that are given; Kubernetes allows one. */
  readonly handlers: readonly Handler[]

  constructor(place: Place) {
    this.place = place
    // A patch takes one away with `null`.
    this.handlers = handlers.filter((handler) => place.get(handler).exists && place.get(handler).value !== null)
  }

  get handler(): Handler | undefined {
    return this.handlers[0]
  }

  /** The words of an exec hook. */
  get command(): readonly string[] {
    return this.place.get('exec', 'command').texts
  }

  get path(): string | undefined {
    return this.place.get('httpGet', 'path').text
  }

  /** The path without what stands behind `?`, nor a slash at its end. */
  get plainPath(): string | undefined {
    return this.path?.replace(/[?#].*$/, '').replace(/(.)\/$/, '$1')
  }

  get port(): Place {
    return this.place.get('httpGet', 'port')
  }

  /** Seconds that it takes at least, where the manifest says so; undefined if only the app knows. */
  get seconds(): number | undefined {
    if (this.handler === 'sleep') return this.place.get('sleep', 'seconds').number
    if (this.handler === 'exec') return sleepsOf(this.command)
    return undefined
  }

  /** Where it says how long it takes. */
  get secondsPlace(): Place {
    return this.handler === 'sleep' ? this.place.get('sleep', 'seconds') : this.place.get('exec', 'command')
  }

  /** Whether it does nothing else. */
  get onlySleeps(): boolean {
    return this.handler === 'sleep' || wordsOf(this.command).every((word) => programOf(word) === 'sleep')
  }

  /** Whether it is podrain that answers: `/prestop`, or the command of the hook without network. */
  get isPodrain(): boolean {
    if (this.handler === 'httpGet') return this.plainPath?.endsWith('/prestop') === true
    return this.runsPodrain
  }

  get runsPodrain(): boolean {
    return this.handler === 'exec' && /\bpodrain-prestop\b/.test(this.command.join(' '))
  }

  /** The programs that an exec hook starts, as far as its words tell. */
  get programs(): readonly string[] {
    if (this.handler !== 'exec') return []
    return [programOf(this.command[0] ?? ''), ...wordsOf(this.command).map(programOf)]
  }
}
