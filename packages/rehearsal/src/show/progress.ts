import cliProgress from 'cli-progress'
import type { LiveEvent, Phase } from '../timeline/events.js'

/** Options of {@link createProgress}. */
export interface ProgressOptions {
  /** Where to write: bars on a terminal that can draw them, else lines. @default process.stdout */
  readonly stream?: (NodeJS.WritableStream & { readonly isTTY?: boolean }) | undefined
}

/** A display of the progress of one or more concurrent rehearsals. */
export interface Progress {
  /** Adds a rehearsal to the display. Returns a function for its option `onEvent`. */
  follow(name: string): (event: LiveEvent) => void
  /** Ends the display. Call it when every rehearsal has settled. */
  stop(): void
}

interface Standing {
  phase: Phase
  oldPods: number
  readyPods: number
  gonePods: number
  requests: number
  lost: number
}

const lineEvery = 1000

/** Creates the progress display of one or more rehearsals. */
export function createProgress(options: ProgressOptions = {}): Progress {
  const { stream = process.stdout } = options
  // A terminal with TERM=dumb cannot move the cursor.
  return stream.isTTY === true && process.env.TERM !== 'dumb' ? bars(stream) : lines(stream)
}

function bars(stream: NodeJS.WritableStream): Progress {
  const multi = new cliProgress.MultiBar(
    {
      stream,
      format: '{name} {bar} {phase} · {requests} requests · {lost} lost',
      barsize: 24,
      hideCursor: true,
      emptyOnZero: true,
      fps: 5,
      // The rehearsal handles Ctrl-C itself.
      gracefulExit: false,
    },
    cliProgress.Presets.shades_classic,
  )
  return {
    follow(name) {
      const bar = multi.create(1, 0, { name, phase: 'starting pods', requests: 0, lost: 0 })
      return watch((standing) => {
        // The first half of the bar is for old pods that are ready, the second half for old pods that are gone.
        bar.setTotal(Math.max(1, standing.oldPods * 2))
        bar.update(standing.readyPods + standing.gonePods, {
          phase: standing.phase,
          requests: standing.requests,
          lost: standing.lost,
        })
      })
    },
    stop: () => multi.stop(),
  }
}

function lines(stream: NodeJS.WritableStream): Progress {
  return {
    follow(name) {
      let shown: Phase | undefined
      let at = Number.NEGATIVE_INFINITY
      return watch((standing, t) => {
        if (standing.phase === shown || (t - at < lineEvery && standing.phase !== 'done')) return
        shown = standing.phase
        at = t
        stream.write(`${name}: ${standing.phase}, ${standing.requests} requests, ${standing.lost} lost\n`)
      })
    },
    stop() {},
  }
}

/** Counts the events of one rehearsal, and calls `onChange` after every visible change. */
function watch(onChange: (standing: Standing, t: number) => void): (event: LiveEvent) => void {
  const standing: Standing = { phase: 'starting pods', oldPods: 0, readyPods: 0, gonePods: 0, requests: 0, lost: 0 }
  const old = new Set<string>()
  const ready = new Set<string>()
  return (event) => {
    if (event.type === 'phase') standing.phase = event.phase
    else if (event.type === 'pod-start' && event.old) standing.oldPods = old.add(event.pod).size
    else if (event.type === 'pod-ready' && old.has(event.pod)) standing.readyPods = ready.add(event.pod).size
    else if (event.type === 'pod-exit' && old.has(event.pod)) standing.gonePods++
    else if (event.type === 'sample') {
      standing.requests = event.requests
      standing.lost = event.lost
    } else return
    onChange(standing, event.t)
  }
}
