/**
 * Every time constant of the core, in milliseconds unless the name says otherwise. They stand together because their sum has
 * to fit into the grace period of the pod:
 *
 *     first sign (preStop or signal)                                                              SIGKILL
 *     ├──────── settle ────────┬──── requests in flight ────┬─────────── closing ───────────┬─ reserve ─┤
 *     │ settle.min             │ looked at every            │ listener closed                │           │
 *     │ settle.quiet           │ `checkInterval`             │ idle connections are closed     │           │
 *     │ ramp = min - quiet     │                            │ framework, onClose hooks       │           │
 *     │                        │                            │ kernel queues                  │           │
 *     └────────────────────────┴──────────────────────── the budget ────────────────────────┘           │
 *                                                           cut                              deadline    killed
 *
 *     settle.min + closing + reserve <= terminationGracePeriodSeconds    (checked in options.ts)
 *
 * `closing` belongs to the requests, too, as far as nothing after them claims it: what the hooks may take by their timeouts,
 * a half at most, and `lastShare`.
 *
 * A SIGTERM that comes while the preStop hook is pending means that the grace period is spent: then `lastMoment` is the whole
 * budget, and the kubelet kills `leastGrace` after the signal.
 */

// Defaults of options. Each option's docstring in options.ts says what it is for.

/** The default of `terminationGracePeriodSeconds`, in seconds: that of Kubernetes (PodSpec). */
export const defaultGraceSeconds = 30
/** The default of `reserve`. */
export const defaultReserve = 1000
/** The default of `closing`, and the largest share of a short grace period that it takes. */
export const defaultClosing = 5000
export const closingShare: number = 1 / 5
/** The default of `settle.quiet`. */
export const defaultQuiet = 1000
/** The default of `keepAliveCap`: the `keepAliveTimeout` of Node's own servers. */
export const defaultKeepAliveCap = 5000
/** The default of `hookTimeout`. */
export const defaultHookTimeout = 5000
/** The default of `progress`. */
export const defaultProgress = 5000
/** The default of `checkTimeout`: less than the 1 s that the kubelet gives a probe (`timeoutSeconds`). */
export const defaultCheckTimeout = 800
/**
 * A readiness check that goes on after its time is given so long before another is begun beside it: by then drivers have given
 * up a connection that does not answer (30 s is a common default), and of what hangs for ever only two pile up in a minute.
 */
export const overdueCheckRest = 30_000

// The course of a termination.

/**
 * What is left when SIGTERM comes while the hook is pending: the kubelet kills 2 s after the signal
 * (`minimumGracePeriodInSeconds` in pkg/kubelet/kuberuntime), and the exit itself takes a moment.
 */
export const lastMoment = 1500
/** However short the grace period, the kubelet leaves so much between signal and SIGKILL (`minimumGracePeriodInSeconds`). */
export const leastGrace = 2000
/** A draining server is looked at this often: most of what a drain waits for is the absence of an event. */
export const checkInterval = 100
/**
 * The next look after one that the event loop delayed: what clients sent meanwhile has been read by then. And after any, where
 * load balancers are not waited for: then only the last requests keep it.
 */
export const recheckDelay = 20
/** While closing, what is awaited is looked at this often. */
export const closingInterval = 10
/** A client gets so long to close its side of a connection after ours. */
export const farewellTime = 500
/** What requests leave of the last time in any case, as a share of it, up to `farewellTime`: to cut connections and to report. */
export const lastShare: number = 1 / 20
/** The kernel tells nobody when a send queue runs empty, so it is asked this often … */
export const queueInterval = 20
/** … or, where that is longer, at this multiple of what the last answer took: a node has many sockets, and a pod little CPU. */
export const queueRest = 9
/** Where there is no /proc, the kernel is given this long to send what it holds. */
export const linger = 250

/** Bytes that may be those of another process on the same port are given this long. */
export const sharedQueueTime = 2000

// Connections.

/** The first request of a connection that was opened just now has come by then. */
export const firstRequestTime = 200
/** An upload may pause this long, however short idle connections are kept: a packet that was lost takes as long to come again. */
export const minUploadTimeout = 1000
/** The time that a request is stamped with while serving is at most this old. */
export const roughClockGrain = 100
/** Connections that the kernel may have to hand over when a server stops listening (a count): Node's default for `listen()` is 511. */
export const acceptBacklog = 512
/** Connections dealt with in one turn of the event loop (a count): a few milliseconds of work. */
export const connectionsPerTurn = 200

// Signals, the log, other processes.

/**
 * A terminal sends Ctrl-C to the whole process group, and npm and pnpm send it on, so one key press arrives twice
 * (npm/cli#5021, pnpm/pnpm#7374). A second signal within this time is the same one.
 */
export const sameKeyPress = 500
/** A process whose drains are not over this long after their deadline is ended: less than `reserve`, and more than a drain takes of it. */
export const overtime = 750
/**
 * A listener that somebody else has for the signal, and that returns no promise, is waited for this long at the most, while it
 * keeps something alive that was not there before.
 */
export const listenerTime = 5000
/** Two lines about refused callers of one endpoint are at least this far apart: a crawler must not fill the log. */
export const refusalInterval = 60_000
/**
 * In a cluster the primary exits last, within what its workers leave of the reserve: it cuts when this share of the reserve is
 * left, and exits when that share is left.
 */
export const primaryCutShare: number = 3 / 4
export const primaryExitShare: number = 1 / 2
/** The share of a short time that a worker is given: it says what it cut before it is killed for being late. */
export const workerShare: number = 3 / 4
/** The part of the primary's budget in which it says what did not end in time. */
export const lastWords = 250
