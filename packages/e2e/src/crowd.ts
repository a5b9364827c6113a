// The clients of the rehearsal, and its proxy, for a bundle. They are no part of what @podrain/rehearsal promises to others, so it does not export
// them; that they are built before this package is, the dependency sees to.
export { Forwarder } from '../../rehearsal/dist/hop/proxy/forward.js'
export { tunnel } from '../../rehearsal/dist/hop/proxy/tunnel.js'
export { type Ask, plain } from '../../rehearsal/dist/load/ask.js'
export { Crowd, type Tick } from '../../rehearsal/dist/load/crowd.js'
export { eachKind, kinds } from '../../rehearsal/dist/load/kinds.js'
export { sampleOf } from '../../rehearsal/dist/load/sample.js'
export { createClock, machineTime } from '../../rehearsal/dist/shared/clock.js'
export { HeldUp } from '../../rehearsal/dist/shared/held-up.js'
export { Abridgement } from '../../rehearsal/dist/timeline/losses.js'
