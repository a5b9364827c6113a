/** Where a connection can go. */
export interface Endpoint {
  readonly name: string
  readonly host: string
  readonly port: number
  /** Set when the pod is gone with its network: who is sent there anyway gets no answer, not even a refusal. */
  unreachable?: boolean
}
