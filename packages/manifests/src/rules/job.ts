import { isFilledIn } from '../text/placeholder.js'
import { each, eachPod, type Rule } from './rule.js'

const restartPolicy: Rule = {
  id: 'restart-policy',
  severity: 'error',
  severityReason: 'The API server refuses the object.',
  title: 'A restart policy that the kind does not allow',
  why: 'The `restartPolicy` of a Deployment, StatefulSet or DaemonSet can only be `Always`. That of a Job can be `Never` or `OnFailure`. The API server refuses any other value.',
  check: eachPod((pod, report) => {
    const place = pod.spec.get('restartPolicy')
    if (isFilledIn(place.text)) return
    if (['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'].includes(pod.kind)) {
      if (place.text === undefined || place.text === '' || place.text === 'Always') return
      report(
        place,
        `\`restartPolicy\` of a ${pod.kind} can only be Always, got \`${place.text}\`: the API server refuses it`,
        {
          fix: 'Remove it',
        },
      )
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
  severityReason: 'The hook may be meant for evictions only.',
  title: 'A hook in the pod of a job',
  why: 'A preStop hook runs when a pod is deleted or evicted, not when its program has exited. What has to be done at the end of a job belongs in the program.',
  check: eachPod((pod, report) => {
    if (!pod.isJob) return
    for (const { hook } of pod.containers) {
      if (hook !== undefined)
        report(hook.place, 'The hook runs when the pod is deleted or evicted, but not when its program has exited', {
          fix: 'Let the program itself do what has to be done at its end',
        })
    }
  }),
}

const jobOverlaps: Rule = {
  id: 'job-overlaps',
  severity: 'info',
  severityReason: 'Two pods at the same time may do no harm.',
  title: 'A job whose next pod starts while the previous one still terminates',
  why: 'When a pod of a job is deleted or evicted, Kubernetes starts a new one as soon as the old one begins to terminate, so two pods run during its grace period. `podReplacementPolicy: Failed` (stable since Kubernetes 1.34) waits for the old one. (With a `podFailurePolicy` it is the default.)',
  check: eachPod((pod, report) => {
    const { number } = pod.gracePlace
    if (!pod.isJob || !pod.isWhole || number === undefined || number <= 30) return
    const spec = pod.kind === 'Job' ? pod.resource.get('spec') : pod.resource.get('spec', 'jobTemplate', 'spec')
    if (spec.get('podReplacementPolicy').exists || spec.get('podFailurePolicy').exists) return
    report(pod.gracePlace, `For up to ${number} s two pods of the job run at the same time when one is evicted`, {
      fix: 'podReplacementPolicy: Failed, if two must not run at the same time',
    })
  }),
}

const jobReplaced: Rule = {
  id: 'cronjob-replaces',
  severity: 'info',
  severityReason: 'It may be intended.',
  title: 'A CronJob that deletes a job that still runs',
  why: '`concurrencyPolicy: Replace` deletes a job that still runs when the next one is due: its pod gets SIGTERM and its grace period, and is then killed.',
  check: each(['CronJob'], (job, report) => {
    const policy = job.get('spec', 'concurrencyPolicy')
    if (policy.text !== 'Replace') return
    report(policy, 'A job that still runs when the next one is due gets SIGTERM', {
      fix: '`Forbid`, or a job that stops cleanly on SIGTERM (podrain: `drain.waitUntil`)',
    })
  }),
}

export const jobRules: readonly Rule[] = [restartPolicy, jobHook, jobOverlaps, jobReplaced]
