/** Where a pod listens. A restart of its container does not change it. */
export interface Address {
  readonly host: string
  readonly port: number
  /** The words before the pod's command that run it at this address, such as `ip netns exec NAME`; empty: none are needed. */
  readonly command: readonly string[]
  /** Environment variables for the pod, in addition to its address. */
  readonly env: Readonly<Record<string, string>>
  /** Frees the address when the pod is gone for good. Resolves when no byte reaches it any more. Never rejects. */
  release(): Promise<void>
}

/** Gives each pod an address. */
export interface Addresses {
  next(): Promise<Address>
  close(): Promise<void>
}
