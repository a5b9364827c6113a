import { type Facts, heading, patch, text } from './manifest.js'
import { indented } from './pieces.js'

/** A kustomize Component that patches a Deployment, wherever an overlay lists it. */
export function component(facts: Facts): string {
  const name = text(facts.name)
  return `${heading}# As podrain/kustomization.yaml, for instance; then, in an overlay: components: [ ../podrain ]
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
patches:
  # For several Deployments: a regular expression as their name, or a labelSelector. Containers are found by their name, ${facts.name}.
  - target:
      group: apps
      kind: Deployment
      name: ${name}
    patch: |-
${indented(patch(facts), '      ')}`
}
