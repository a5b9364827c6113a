import { expect } from 'vitest'
import { lint } from '../src/index.js'
import { fixOnce } from '../src/lint/lint.js'

/**
 * Mends a text step by step, and looks at each: no line differs but those of findings that can be mended, and where lines
 * are moved, none is lost.
 */
export function mended(text: string): string {
  let current = text
  for (let round = 0; round < 10; round++) {
    const source = { file: 'x.yaml', text: current }
    const { findings, problems } = lint([source])
    const next = fixOnce([source])?.[0]?.text
    if (next === undefined) return current
    const edits = findings.filter((each) => each.edits !== undefined)
    const edited = new Set(edits.map(({ line }) => line))
    const [before, after] = [current, next].map((each) => each.split(/\r\n?|\n/)) as [string[], string[]]
    if (edits.some((each) => (each.edits?.length ?? 0) > 1)) {
      const left = after.map((line) => line.trim())
      before.forEach((line, index) => {
        if (edited.has(index + 1)) return
        const at = left.indexOf(line.trim())
        expect(at, `lost: ${line}`).not.toBe(-1)
        left.splice(at, 1)
      })
    } else {
      expect(after.length).toBe(before.length)
      before.forEach((line, index) => {
        if (!edited.has(index + 1)) expect(after[index]).toBe(line)
      })
    }
    // No edit breaks what could be read.
    if (problems.length === 0) expect(lint([{ file: 'x.yaml', text: next }]).problems).toEqual([])
    current = next
  }
  return current
}
