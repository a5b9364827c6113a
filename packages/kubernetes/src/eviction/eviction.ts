// The fields of an Eviction of lifecycle.k8s.io/v1alpha1 that are read. It comes from outside, so any field may be missing or wrong.
// https://kubernetes.io/docs/reference/kubernetes-api/lifecycle/

import { type KubernetesObject, listIn } from '../api/objects.js'

interface Eviction extends KubernetesObject {
  readonly spec?: {
    readonly target?: { readonly pod?: { readonly name?: string; readonly uid?: string } | null } | null
  }
  readonly status?: {
    readonly conditions?: readonly { readonly type?: string; readonly status?: string }[] | null
    readonly targetResponders?: readonly { readonly name?: string; readonly state?: string }[] | null
    readonly responders?: readonly { readonly name?: string; readonly completionTime?: string | null }[] | null
  } | null
}

/** The state of an Eviction for one of its responders. */
export interface Turn {
  /** The name of the Eviction. */
  readonly name: string
  /** The uid of the Eviction. */
  readonly uid: string | undefined
  /** The uid of the pod that will be evicted. */
  readonly podUid: string | undefined
  /**
   * - `now`: it is the responder's turn.
   * - `past`: the responder's turn is over, and the pod will still be evicted.
   * - `none`: it is not the responder's turn, or the eviction was canceled, or has failed.
   */
  readonly turn: 'now' | 'past' | 'none'
  /** Whether the responder has reported that the pod may go. */
  readonly completed: boolean
}

export function turnOf(object: KubernetesObject, responder: string): Turn {
  const { metadata, spec, status } = object as Eviction
  const state = listIn(status?.targetResponders).find((each) => each?.name === responder)?.state
  const isOff =
    typeof metadata.deletionTimestamp === 'string' ||
    listIn(status?.conditions).some((each) => each?.type === 'Failed' && each.status === 'True')
  const own = listIn(status?.responders).find((each) => each?.name === responder)
  return {
    name: metadata.name ?? '',
    uid: metadata.uid,
    podUid: spec?.target?.pod?.uid,
    turn: isOff ? 'none' : state === 'Active' ? 'now' : isOver(state) ? 'past' : 'none',
    completed: typeof own?.completionTime === 'string',
  }
}

function isOver(state: string | undefined): boolean {
  return state === 'Completed' || state === 'Interrupted'
}
