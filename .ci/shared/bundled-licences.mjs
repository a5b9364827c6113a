import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The licences of the packages in a bundle of esbuild, as comments. Each text stands once, below the names of its owners. */
export async function licencesIn({ inputs }) {
  const packages = Object.keys(inputs).flatMap((file) => /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? [])
  const owners = new Map()
  for (const root of new Set(packages)) {
    const [copyright, ...rest] = (await readFile(join(root, 'LICENSE'), 'utf8')).trim().split('\n')
    const text = rest.join('\n')
    owners.set(text, (owners.get(text) ?? new Set()).add(copyright))
  }
  return [...owners].map(([text, names]) => `/*\n${[...names].join('\n')}\n${text}\n*/\n`).join('')
}
