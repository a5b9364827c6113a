import { isFilledIn } from '../text/placeholder.js'
import { each, eachPod, type Rule } from './rule.js'

const restartPolicy: Rule = {
  id: 'restart-policy',
  severity: 'error',
  severe: 'Refused.',
  title: 'A restart policy that the kind cannot have',
  why: 'Pods of a Deployment, StatefulSet or DaemonSet are restarted always; those of a Job never, or on failure. The API server refuses anything else.',
  check: eachPod((pod, report) => {
    const place = pod.spec.get('restartPolicy')
    if (isFilledIn(place.text)) return
    if (['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'].includes(pod.kind)) {
      if (place.text === undefined || place.text === '' || place.text === 'Always') return
      report(place, `Pods of a ${pod.kind} are always restarted, not \`${place.text}\`: the API server refuses it`, {
        fix: 'Remove it',
      })
    } else if (pod.isJob && pod.isWhole && place.text !== 'Never' && place.text !== 'OnFailure') {
      report(
        place.exists ? place : pod.spec,
        `A pod of a ${pod.kind} needs \`restartPolicy\` Never or OnFailure: the API server refuses the default`,
        {
          fix: 'restartPolicy: OnFailure',
        },
      )
    }
  }),
}

const jobHook: Rule = {
  id: 'job-hook',
  severity: 'info',
  severe: 'It may be meant for evictions only.',
  title: 'A hook in a pod that ends by itself',
  why: 'A preStop hook runs when a pod is deleted or evicted, not when its program has ended. What has to be done at the end of a job belongs in the program itself.',
  check: eachPod((pod, report) => {
    if (!pod.isJob) return
    for (const { hook } of pod.containers) {
      if (hook !== undefined)
        report(
          hook.place,
          'The hook does not run when the job has ended by itself, only when it is deleted or evicted',
          { fix: 'Do in the program what has to be done at its end' },
        )
    }
  }),
}

const jobOverlaps: Rule = {
  id: 'job-overlaps',
  severity: 'info',
  severe: 'It may do no harm that two run.',
  title: 'A job whose next pod starts while the one before it still ends',
  why: 'When a pod of a job is deleted or evicted, a new one is started as soon as the old one begins to end, so for its grace period there are two. `podReplacementPolicy: Failed` (stable since Kubernetes 1.34) waits. (With a `podFailurePolicy` it is the default.)',
  check: eachPod((pod, report) => {
    const { number } = pod.gracePlace
    if (!pod.isJob || !pod.isWhole || number === undefined || number <= 30) return
    const spec = pod.kind === 'Job' ? pod.resource.get('spec') : pod.resource.get('spec', 'jobTemplate', 'spec')
    if (spec.get('podReplacementPolicy').exists || spec.get('podFailurePolicy').exists) return
    report(pod.gracePlace, `For up to ${number} s two pods of the job run at the same time when one is evicted`, {
      fix: 'podReplacementPolicy: Failed, if they must not',
    })
  }),
}

const jobReplaced: Rule = {
  id: 'cronjob-replaces',
  severity: 'info',
  severe: 'It may be what is wanted.',
  title: 'A CronJob that ends what still runs',
  why: '`concurrencyPolicy: Replace` deletes a job that still runs when the next is due: its pod gets SIGTERM and its grace period, and nothing more.',
  check: each(['CronJob'], (job, report) => {
    const policy = job.get('spec', 'concurrencyPolicy')
    if (policy.text !== 'Replace') return
    report(policy, 'A job that is still running when the next is due gets SIGTERM', {
      fix: '`Forbid`, or a job that stops cleanly on SIGTERM (podrain: `drain.waitUntil`)',
    })
  }),
}

export const jobRules: readonly Rule[] = [restartPolicy, jobHook, jobOverlaps, jobReplaced]
