import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** An application of a web framework, as the first example of its own guide, and the ways to start it. */
export interface Fixture {
  /** The name on the page. */
  readonly name: string
  /** The npm package whose version is on the page; undefined for Node itself. */
  readonly package?: string
  /** The request that clients send. The application responds after 100 ms. @default GET / */
  readonly request?: {
    readonly method?: string
    readonly path?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
  }
  /** The framework's hook with which the application cleans up. The hook writes the line `own hook ran`. */
  readonly cleanUp?: string
  /** The path of the readiness probe without podrain; null for a TCP probe. @default the path of a GET request, else null */
  readonly ready?: string | null
  /** The ways to start the application. Each is a row of the page. */
  readonly variants: readonly Variant[]
  /** A note on the page, such as what podrain cannot solve and why. */
  readonly note?: string
}

/** One way to start the application. */
export interface Variant {
  readonly name: string
  /**
   * The command and its arguments. The command is looked up in `node_modules/.bin`, then next to the running Node. `{host}` and `{port}`
   * are replaced.
   */
  readonly command: readonly [string, ...string[]]
  readonly env?: Readonly<Record<string, string>>
  /** How much code podrain needs; undefined without podrain. */
  readonly podrain?: 'none' | 'one line' | 'two lines' | 'a recipe'
  /** Replaces `cleanUp` of the fixture. */
  readonly cleanUp?: string
  /**
   * The transport of socket.io clients, which send the load. They come from the fixture's socket.io-client. Each emits `question` with
   * a text and expects an acknowledgement. One HTTP client still sends the fixture's `request`.
   */
  readonly socketIo?: 'websocket' | 'polling'
}

export interface NamedFixture extends Fixture {
  /** The name of the folder. */
  readonly id: string
  /** The path of the folder. */
  readonly source: string
}

const directory = join(__dirname, '../fixtures')

/** All fixtures, sorted by name. That of node:http comes first, as the baseline. */
export async function loadFixtures(): Promise<readonly NamedFixture[]> {
  const ids = readdirSync(directory).filter((id) => existsSync(join(directory, id, 'fixture.mjs')))
  const fixtures = await Promise.all(
    ids.map(async (id): Promise<NamedFixture> => {
      const source = join(directory, id)
      const { default: fixture } = await import(pathToFileURL(join(source, 'fixture.mjs')).href)
      return { id, source, ...fixture }
    }),
  )
  const rank = ({ id, name }: NamedFixture): string => (id === 'node-http' ? '' : name.toLowerCase())
  return fixtures.sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
}
