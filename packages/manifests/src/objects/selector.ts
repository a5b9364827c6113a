import type { Place } from '../text/place.js'
import { textsOf } from './resource.js'

/**
 * Whether a selector such as `app=web,tier in (a, b),!old` selects labels. `undefined` selects everything.
 * Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
 */
export function matchesSelector(text: string | undefined, labels: Readonly<Record<string, string>>): boolean {
  if (text === undefined) return true
  const requirements = text.match(/[^,(]+(\([^)]*\))?/g) ?? []
  return requirements.every((requirement) => isMet(requirement.trim(), labels))
}

function isMet(requirement: string, labels: Readonly<Record<string, string>>): boolean {
  const [, setName = '', not, set] = /^(\S+)\s+(not)?in\s*\(([^)]*)\)$/.exec(requirement) ?? []
  if (set !== undefined) {
    const isIn = set.split(',').some((value) => value.trim() === labels[setName])
    return not === undefined ? isIn : !isIn
  }
  const [, name = '', operator, value = ''] = /^([^!=\s]+)\s*(==?|!=)\s*(.*)$/.exec(requirement) ?? []
  if (operator === '!=') return labels[name] !== value
  if (operator !== undefined) return labels[name] === value
  return requirement.startsWith('!')
    ? labels[requirement.slice(1).trim()] === undefined
    : labels[requirement] !== undefined
}

/** Whether a `LabelSelector`, with its `matchLabels` and `matchExpressions`, selects such labels. */
export function isSelected(selector: Place, labels: Readonly<Record<string, string>>): boolean {
  return (
    Object.entries(textsOf(selector.get('matchLabels'))).every(([name, value]) => labels[name] === value) &&
    selector.get('matchExpressions').items.every((each) => {
      const value = labels[each.get('key').text ?? '']
      const values = each.get('values').texts
      switch (each.get('operator').text) {
        case 'In':
          return value !== undefined && values.includes(value)
        case 'NotIn':
          return value === undefined || !values.includes(value)
        case 'Exists':
          return value !== undefined
        case 'DoesNotExist':
          return value === undefined
        default:
          return true
      }
    })
  )
}

/** Labels as in YAML: `app: web, tier: front`. */
export function writtenLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ')
}

/** Labels for a message. */
export function shownLabels(labels: Readonly<Record<string, string>>): string {
  const written = writtenLabels(labels)
  return written === '' ? 'no labels' : `\`${written}\``
}
