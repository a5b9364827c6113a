/**
 * All time constants of the core, in milliseconds unless the name says otherwise. They are in one file because their
 * sum must fit into the grace period of the pod:
 *
 *     first sign (preStop or signal)                                                                 SIGKILL
 *     ├──────── settle ────────┬──── requests in flight ────┬─────────── closing ───────────┬─ reserve ─┤
 *     │ settle.min             │ checked every              │ listeners are closed          │           │
 *     │ settle.quiet           │ `checkInterval`            │ idle connections are closed   │           │
 *     │ ramp = min - quiet     │                            │ framework, onClose hooks      │           │
 *     │                        │                            │ kernel queues                 │           │
 *     └────────────────────────┴─────────────────────── the budget ─────────────────────────┘           │
 *                                                          cut                          deadline     killed
 *
 *     settle.min + closing + reserve <= terminationGracePeriodSeconds    (checked in budget.ts)
 *
 * Requests may go on during `closing`, except for what later steps claim: the timeouts of the hooks (at most half of
 * it), and `lastShare`.
 *
 * A SIGTERM while the preStop hook is pending means that the grace period is spent. Then `lastMoment` is the whole
 * budget, and the kubelet kills `leastGrace` after the signal.
 */

// Defaults of options. The docstrings in options.ts say what each is for.

/** The default of `terminationGracePeriodSeconds`, in seconds. It is the default of Kubernetes (PodSpec). */
export const defaultGraceSeconds = 30
/** The default of `reserve`. */
export const defaultReserve = 1000
/** The default of `closing`, and the share of the grace period that it takes at most; `Budget.killedIn` shares out alike. */
export const defaultClosing = 5000
export const closingShare: number = 1 / 5
/**
 * The share of the grace period that the default of `settle.min` takes at most, on platforms other than Kubernetes. Some
 * give 5 s or 10 s. There `closingShare` also limits the default of `reserve`.
 */
export const settleShare: number = 1 / 2
/** The default of `settle.quiet`. */
export const defaultQuiet = 1000
/** The default of `keepAliveCap`. It is the default `keepAliveTimeout` of Node's servers. */
export const defaultKeepAliveCap = 5000
/** The default of `hookTimeout`. */
export const defaultHookTimeout = 5000
/** The default of `progress`. */
export const defaultProgress = 5000
/**
 * The default of `checkTimeout`. It is less than the 1 s that the kubelet gives a probe by default (`timeoutSeconds`).
 */
export const defaultCheckTimeout = 800
/**
 * After a readiness check has timed out, the next one begins this long after it at the earliest, unless it finishes.
 * Most drivers have given up an unresponsive connection by then (30 s is a common default), and of checks that hang for
 * ever only two per minute pile up.
 */
export const overdueCheckRest = 30_000

// The course of a termination.

/**
 * The budget if SIGTERM arrives while the hook is pending. The kubelet kills 2 s after the signal
 * (`minimumGracePeriodInSeconds` in pkg/kubelet/kuberuntime), and the exit itself takes a moment.
 */
export const lastMoment = 1500
/** The shortest time between signal and SIGKILL that the kubelet leaves (`minimumGracePeriodInSeconds`). */
export const leastGrace = 2000
/** How often a draining server is checked. A drain mostly waits for the absence of events, so it must poll. */
export const checkInterval = 100
/**
 * The time until the next check, if the event loop delayed the last one: what clients sent meanwhile has been read by
 * then. Also if load balancers are not waited for, because then the last requests alone keep the drain.
 */
export const recheckDelay = 20
/** How often the end of a step is checked while closing. */
export const closingInterval = 10
/** The time that a client gets to close its side of a connection after ours. */
export const farewellTime = 500
/**
 * The share of the remaining time that requests leave for cutting connections and for the report, up to `farewellTime`.
 */
export const lastShare: number = 1 / 20
/** How often the kernel is asked about its send queues. It has no event for an empty queue. */
export const queueInterval = 20
/**
 * If the kernel takes long to answer, the interval is this multiple of that time: a node has many sockets, and a pod
 * little CPU.
 */
export const queueRest = 9
/** The time that the kernel gets to send what it holds, if there is no /proc. */
export const linger = 250

/** The time that is waited for bytes that may belong to another process on the same port. */
export const sharedQueueTime = 2000

// Connections.

/** The first request of a new connection has arrived by then. */
export const firstRequestTime = 200
/**
 * The shortest time after which an upload counts as stalled. The retransmission of a lost packet takes about as long.
 */
export const minUploadTimeout = 1000
/** The greatest error of the rough clock, which stamps requests while serving. */
export const roughClockGrain = 100
/** How long a WebSocket that is about to be closed waits for the application's answer to what its client has just said. */
export const answerTime = 1000
/** The number of connections that wait in the kernel at most. Node's default for `listen()` is 511. */
export const acceptBacklog = 512
/** The number of connections that one turn of the event loop handles. It takes a few milliseconds. */
export const connectionsPerTurn = 200

/** The longest time that a timer of Node takes, about 24 days. More would be 1 ms. */
export const longestTimer: number = 2 ** 31 - 1

// Signals, the log, other processes.

/**
 * A second signal within this time counts as the same one. A terminal sends Ctrl-C to the whole process group, and npm
 * and pnpm pass it on, so that one key press arrives twice (npm/cli#5021, pnpm/pnpm#7374).
 */
export const sameKeyPress = 500
/**
 * The time after their deadlines at which a process whose drains hang is ended. It is less than `reserve`, and more
 * than a drain takes of that.
 */
export const overtime = 750
/** What the exit itself takes of the time until SIGKILL: the `onReport` hooks get half of what remains. */
export const exitTime = 100
/**
 * The longest time that the work of another listener of the signal is waited for, if the listener returned no promise.
 */
export const listenerTime = 5000
/** The main thread has answered a thread by then, if it passes signals on. */
export const leadTime = 2000
/** The default of pm2's `kill_timeout`: the time from its signal to SIGKILL. */
export const pm2KillTimeout = 1600
/** The shortest time between two log lines about refused callers of an endpoint. A crawler must not fill the log. */
export const refusalInterval = 60_000
/**
 * The primary of a cluster exits last, within the reserve of its workers. It cuts when `primaryCutShare` of the reserve
 * is left, and exits when `primaryExitShare` is left.
 */
export const primaryCutShare: number = 3 / 4
export const primaryExitShare: number = 1 / 2
/** The share of a short remaining time that a worker gets. It reports what it cut before its primary kills it. */
export const workerShare: number = 3 / 4
/** The time within the primary's budget for reporting what did not finish. */
export const lastWords = 250
