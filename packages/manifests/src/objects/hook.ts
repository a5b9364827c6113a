import type { Place } from '../text/place.js'
import { Script, type Variables } from './script.js'
import { programOf } from './shell.js'

export type Handler = 'exec' | 'httpGet' | 'tcpSocket' | 'sleep'

const handlers: readonly Handler[] = ['exec', 'httpGet', 'tcpSocket', 'sleep']

/** Programs that do not notify the app. */
const idle = new Set(['sleep', 'usleep', 'wait', 'echo', 'date', 'true', ':', 'set', 'exit', 'export', 'trap'])

/** A command in a hook that ends a program. */
export interface Quit {
  /** As it is written in the manifest. */
  readonly text: string
  readonly waitsBefore: boolean
  readonly waitsAfter: boolean
}

/** Signals that do not end a server. */
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

/** The preStop hook of a container. */
export class Hook {
  readonly place: Place
  /** All handlers that are given. Kubernetes allows one. */
  readonly handlers: readonly Handler[]
  readonly #variables: Variables
  #script: Script | undefined

  constructor(place: Place, variables: Variables = () => undefined) {
    this.place = place
    this.#variables = variables
    // In a patch, `null` removes a handler.
    this.handlers = handlers.filter((handler) => place.get(handler).exists && place.get(handler).value !== null)
  }

  get handler(): Handler | undefined {
    return this.handlers[0]
  }

  /** The words of an exec hook. */
  get command(): readonly string[] {
    return this.place.get('exec', 'command').texts
  }

  /** The script of an exec hook. */
  get script(): Script | undefined {
    if (this.handler === 'exec') this.#script ??= new Script(this.command, this.#variables)
    return this.#script
  }

  get path(): string | undefined {
    return this.place.get('httpGet', 'path').text
  }

  /** The path without query, fragment and trailing slash. */
  get plainPath(): string | undefined {
    return this.path?.replace(/[?#].*$/, '').replace(/(.)\/$/, '$1')
  }

  get port(): Place {
    return this.place.get('httpGet', 'port')
  }

  /** The least number of seconds that the hook takes; undefined if the manifest does not say. */
  get seconds(): number | undefined {
    if (this.handler === 'sleep') return this.place.get('sleep', 'seconds').number
    return this.script?.seconds
  }

  /** The place of that number. */
  get secondsPlace(): Place {
    return this.handler === 'sleep' ? this.place.get('sleep', 'seconds') : this.place.get('exec', 'command')
  }

  /** The first command of the hook that ends a program. */
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

  /** Whether the hook does nothing but wait. */
  get onlySleeps(): boolean {
    if (this.handler === 'sleep') return true
    return this.script?.programs.every((program) => idle.has(program)) === true
  }

  /** Whether podrain handles the hook: by `/prestop`, or by the command `podrain-prestop`. */
  get isPodrain(): boolean {
    if (this.handler === 'httpGet') return this.plainPath?.endsWith('/prestop') === true
    return this.runsPodrain
  }

  get runsPodrain(): boolean {
    return this.handler === 'exec' && /\bpodrain-prestop\b/.test(this.command.join(' '))
  }

  /** The programs that an exec hook starts, and the shell that runs its script. */
  get programs(): readonly string[] {
    return this.script === undefined ? [] : [programOf(this.command[0] ?? ''), ...this.script.programs]
  }
}
