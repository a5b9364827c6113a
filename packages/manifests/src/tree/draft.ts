import { type Part, textAt } from './graft.js'

/** An object while it is built: as it is now, and the name by which patches and references still know it. */
export interface Draft {
  readonly part: Part
  readonly names: readonly string[]
}

export function apiOf(part: Part): { group: string; version: string } {
  const [version = '', group = ''] = (textAt(part, 'apiVersion') ?? '').split('/').reverse()
  return { group, version }
}

export function kindOf({ part }: Draft): string {
  return textAt(part, 'kind') ?? ''
}

/** Kubernetes' own kinds: their groups have no dot, or end so. */
export function isBuiltIn({ part }: Draft): boolean {
  const { group } = apiOf(part)
  return !group.includes('.') || group.endsWith('.k8s.io')
}
