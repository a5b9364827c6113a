// The clients and the proxy of the rehearsal, for the bundles. @podrain/rehearsal does not export them, because they may change at any time. The
// dependency on that package makes turbo build it first.
export { Forwarder } from '../../rehearsal/dist/hop/proxy/forward.js'
export { tunnel } from '../../rehearsal/dist/hop/proxy/tunnel.js'
export { type Ask, plain } from '../../rehearsal/dist/load/ask.js'
export { Crowd, type Tick } from '../../rehearsal/dist/load/crowd.js'
export { eachKind, kinds } from '../../rehearsal/dist/load/kinds.js'
export { sampleOf } from '../../rehearsal/dist/load/sample.js'
export { createClock, machineTime } from '../../rehearsal/dist/shared/clock.js'
export { HeldUp } from '../../rehearsal/dist/shared/held-up.js'
export { Abridgement } from '../../rehearsal/dist/timeline/losses.js'
