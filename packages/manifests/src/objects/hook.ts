import type { Place } from '../text/place.js'
import { Script, type Variables } from './script.js'
import { programOf } from './shell.js'

export type Handler = 'exec' | 'httpGet' | 'tcpSocket' | 'sleep'

const handlers: readonly Handler[] = ['exec', 'httpGet', 'tcpSocket', 'sleep']

/** Programs that tell the app nothing. */
const idle = new Set(['sleep', 'usleep', 'wait', 'echo', 'date', 'true', ':', 'set', 'exit', 'export', 'trap'])

/** A command that ends a program, in a hook. */
export interface Quit {
  /** As it is written. */
  readonly text: string
  readonly waitsBefore: boolean
  readonly waitsAfter: boolean
}

/** Signals that end nothing. */
const harmless = /^-?(s\s+)?(SIG)?(0|HUP|USR1|USR2|CONT|WINCH|STOP|l|L)$/

/** Whether a command ends a program: by a signal, by the program’s own command, or by a request. */
function isQuit([first, ...args]: readonly (string | undefined)[]): boolean {
  const all = args.join(' ')
  switch (programOf(first ?? '')) {
    case 'kill':
    case 'pkill':
    case 'killall':
      return !harmless.test(args[0] === '-s' ? `${args[1]}` : `${args[0]}`)
    case 'nginx':
    case 'openresty':
      return /-s\s*(quit|stop)\b/.test(all)
    case 'apachectl':
    case 'apache2ctl':
    case 'httpd':
      return /\b(graceful-)?stop$/.test(all)
    case 'pm2':
      return /^(stop|kill|delete)\b/.test(all)
    case 'supervisorctl':
      return /^(stop|shutdown)\b/.test(all)
    case 'caddy':
      return args[0] === 'stop'
    case 'curl':
    case 'wget':
    case 'pilot-agent':
    case 'linkerd-await':
      return /\bquitquitquit\b|\/shutdown\b/.test(all)
    default:
      return false
  }
}

/** What a container is to do before it is signalled. */
export class Hook {
  readonly place: Place
  /** All that are given; Kubernetes allows one. */
  readonly handlers: readonly Handler[]
  readonly #variables: Variables
  #script: Script | undefined

  constructor(place: Place, variables: Variables = () => undefined) {
    this.place = place
    this.#variables = variables
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

  /** What an exec hook runs. */
  get script(): Script | undefined {
    if (this.handler === 'exec') this.#script ??= new Script(this.command, this.#variables)
    return this.#script
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
    return this.script?.seconds
  }

  /** Where it says how long it takes. */
  get secondsPlace(): Place {
    return this.handler === 'sleep' ? this.place.get('sleep', 'seconds') : this.place.get('exec', 'command')
  }

  /** The first command by which it ends a program itself. */
  get quit(): Quit | undefined {
    if (this.handler === 'httpGet' && this.plainPath?.endsWith('/quitquitquit') === true) {
      return { text: this.plainPath, waitsBefore: false, waitsAfter: false }
    }
    const { script } = this
    const found = script?.commands.find(({ words }) => isQuit(words))
    if (script === undefined || found === undefined) return undefined
    const waits = /\b(sleep|while|until|wait)\b/
    return {
      text: found.text,
      waitsBefore: waits.test(script.text.slice(0, found.at)),
      waitsAfter: waits.test(script.text.slice(found.at + found.text.length)),
    }
  }

  /** Whether it does nothing else. */
  get onlySleeps(): boolean {
    if (this.handler === 'sleep') return true
    return this.script?.programs.every((program) => idle.has(program)) === true
  }

  /** Whether it is podrain that answers: `/prestop`, or the command of the hook without network. */
  get isPodrain(): boolean {
    if (this.handler === 'httpGet') return this.plainPath?.endsWith('/prestop') === true
    return this.runsPodrain
  }

  get runsPodrain(): boolean {
    return this.handler === 'exec' && /\bpodrain-prestop\b/.test(this.command.join(' '))
  }

  /** The programs that an exec hook starts, with the shell that reads its script. */
  get programs(): readonly string[] {
    return this.script === undefined ? [] : [programOf(this.command[0] ?? ''), ...this.script.programs]
  }
}
