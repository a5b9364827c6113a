import { type Part, textAt } from './graft.js'

/** An object during a build: its current state, and all its names so far, which patches and references may use. */
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

/** Whether the kind is one of Kubernetes itself: its group has no dot, or ends in `.k8s.io`. */
export function isBuiltIn({ part }: Draft): boolean {
  const { group } = apiOf(part)
  return !group.includes('.') || group.endsWith('.k8s.io')
}
