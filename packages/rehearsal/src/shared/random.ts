/** Returns a number from 0 to 1, exclusive. */
export type Random = () => number

/**
 * A small seeded generator (mulberry32), so that a rehearsal can be repeated with the same choices.
 * Each user of a seed has its own `stream`, so that one client that draws more often does not change another's pauses.
 */
export function createRandom(seed: number, stream: number): Random {
  let state = (seed ^ Math.imul(stream + 1, 0x9e3779b1)) >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
