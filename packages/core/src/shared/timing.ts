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
 * Requests may go on during `closing`, except in the time that later steps claim: the timeouts of the hooks (at most half of
 * `closing`), and `lastShare`.
 *
 * A SIGTERM while the preStop hook is pending means that the grace period is spent. `lastMoment` is then the whole budget, and the
 * kubelet sends SIGKILL `leastGrace` after the signal.
 */

// Defaults of options. The docstrings in options.ts say what each is for.

/** The default of `terminationGracePeriodSeconds`, in seconds. It is the default of Kubernetes (PodSpec). */
export const defaultGraceSeconds = 30
/** The default of `reserve`. */
export const defaultReserve = 1000
/** The default of `closing`, and the largest share of the grace period that this default takes. `Budget.killedIn` uses it, too. */
export const defaultClosing = 5000
export const closingShare: number = 1 / 5
/**
 * The largest share of the grace period that the default of `settle.min` takes on platforms other than Kubernetes. Some of them
 * have a grace period of 5 s or 10 s. On these platforms `closingShare` also limits the default of `reserve`.
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
 * The default of `checkTimeout`. It is less than 1 s, the default of a probe's `timeoutSeconds`.
 */
export const defaultCheckTimeout = 800
/**
 * The time from the beginning of a readiness check that has timed out until the check runs again, unless it finishes before. By
 * then, most drivers have given up a connection that does not respond (30 s is a common default). Of a check that hangs for ever,
 * only two runs per minute pile up.
 */
export const overdueCheckRest = 30_000

// The course of a termination.

/**
 * The budget if SIGTERM arrives while the hook is pending. The kubelet sends SIGKILL 2 s after the signal
 * (`minimumGracePeriodInSeconds` in pkg/kubelet/kuberuntime). The exit itself takes some of that time.
 */
export const lastMoment = 1500
/** The shortest time between signal and SIGKILL that the kubelet leaves (`minimumGracePeriodInSeconds`). */
export const leastGrace = 2000
/** The interval between checks of a draining server. A drain mostly waits for the absence of events, so it must poll. */
export const checkInterval = 100
/**
 * The time until the next check, if the event loop has delayed the last check. By then, the process has read what clients have sent
 * in the meantime. The same interval is used if load balancers are not waited for, because only the last requests then prolong the
 * drain.
 */
export const recheckDelay = 20
/** The interval between checks whether a step of the closing is over. */
export const closingInterval = 10
/** The time that a client gets to close its side of a connection after ours. */
export const farewellTime = 500
/**
 * The share of the remaining time that requests leave for cutting connections and for the report, up to `farewellTime`.
 */
export const lastShare: number = 1 / 20
/** The interval between two reads of the kernel's send queues. The kernel has no event for an empty queue. */
export const queueInterval = 20
/**
 * If reading the send queues takes long, the interval is this multiple of that time. A node may have many sockets, and a pod little
 * CPU.
 */
export const queueRest = 9
/** The time for the kernel to send what it holds, if there is no /proc. */
export const linger = 250

/** The longest wait for bytes that may belong to another process on the same port. */
export const sharedQueueTime = 2000

// Connections.

/** The time in which the first request of a new connection arrives. */
export const firstRequestTime = 200
/**
 * The shortest time after which an upload counts as stalled. The retransmission of a lost packet takes about as long (RFC 6298).
 */
export const minUploadTimeout = 1000
/** The greatest error of `RoughClock`, which gives requests their time while serving. */
export const roughClockGrain = 100
/** The longest wait for the application's answer to a message that a WebSocket client has just sent, before the close frame. */
export const answerTime = 1000
/** The largest number of connections that wait in the kernel's backlog. Node's default for `listen()` is 511. */
export const acceptBacklog = 512
/** The number of connections that a drain handles in one turn of the event loop. That takes a few milliseconds. */
export const connectionsPerTurn = 200

/** The longest time that a Node timer can wait, about 25 days. Node replaces a longer time by 1 ms. */
export const longestTimer: number = 2 ** 31 - 1

// Signals, the log, other processes.

/**
 * A second signal within this time counts as the same signal. A terminal sends SIGINT to the whole process group, and npm and pnpm
 * pass the signal on, so that one Ctrl-C arrives twice (npm/cli#5021, pnpm/pnpm#7374).
 */
export const sameKeyPress = 500
/**
 * The time from the last deadline of all drains until the process exits although a drain hangs. It is less than `reserve`, and more
 * than a drain uses of `reserve`.
 */
export const overtime = 750
/** The time before SIGKILL for the exit itself. The `onReport` hooks get half of the time before that. */
export const exitTime = 100
/**
 * The longest wait for the work of another listener of the signal, if the listener has returned no promise.
 */
export const listenerTime = 5000
/** The time in which the main thread answers a new thread, if the main thread passes signals on. */
export const leadTime = 2000
/** The default of pm2's `kill_timeout`: the time from its signal to SIGKILL. */
export const pm2KillTimeout = 1600
/** The shortest time between two log lines about refused callers of an endpoint. A crawler must not fill the log. */
export const refusalInterval = 60_000
/**
 * The primary of a cluster exits last, within the reserve of its workers. Its own closing begins when `primaryCutShare` of the
 * reserve is left, and it exits when `primaryExitShare` is left.
 */
export const primaryCutShare: number = 3 / 4
export const primaryExitShare: number = 1 / 2
/** The share of a short remaining time that a worker gets. The worker reports what it has cut before its primary kills it. */
export const workerShare: number = 3 / 4
/** The time within the primary's budget for reporting what has not finished. */
export const lastWords = 250
