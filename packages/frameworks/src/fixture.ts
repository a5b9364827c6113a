import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** An application of a web framework, as its own guide begins one, and the ways to start it. */
export interface Fixture {
  /** What the page calls it. */
  readonly name: string
  /** The npm package whose version is told. None for what Node has itself. */
  readonly package?: string
  /** What clients ask for; answered after 100 ms. @default GET / */
  readonly request?: {
    readonly method?: string
    readonly path?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
  }
  /** The framework's means for an application to clean up, whose hook writes the line `own hook ran`. */
  readonly cleanUp?: string
  /** The readiness probe where there is no podrain; null for a connection. @default the path of a GET request, else null */
  readonly ready?: string | null
  /** Each is a row of the page. */
  readonly variants: readonly Variant[]
  /** What cannot be made right and why, or what to know. */
  readonly note?: string
}

/** One way to start the application. */
export interface Variant {
  readonly name: string
  /** The first is found in `node_modules/.bin`, then next to the running Node. `{host}` and `{port}` are filled in. */
  readonly command: readonly [string, ...string[]]
  readonly env?: Readonly<Record<string, string>>
  /** How much code podrain takes. Left out where there is no podrain. */
  readonly podrain?: 'none' | 'one line' | 'two lines' | 'a recipe'
  /** Instead of the fixture's. */
  readonly cleanUp?: string
  /**
   * Clients of socket.io instead, by this transport, with the fixture's socket.io-client: they ask `question` with a text and
   * want an acknowledgement. The fixture's `request` is answered, too.
   */
  readonly socketIo?: 'websocket' | 'polling'
}

export interface NamedFixture extends Fixture {
  /** The name of its folder. */
  readonly id: string
  /** Its folder. */
  readonly source: string
}

const directory = join(__dirname, '../fixtures')

/** Every fixture, in the order of their names; the base line comes first. */
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
