/** Placeholders of tools: `${REPLICAS:=2}`, `$REPLICAS`, `{{ replicas }}`, `#{REPLICAS}#`, `@REPLICAS@`, `%REPLICAS%`, `((replicas))`, `<your port>`. */
const marks = /\$\{|\{\{|<%|[%#]\{|\[\[ |@[A-Za-z_][\w.]*@|%[A-Z_]\w*%|^<[^<>]+>$|^\(\([^()]+\)\)$|^\$[A-Za-z_]\w*$/

/** Whether the text contains a placeholder, which is replaced before Kubernetes gets it. */
export function isFilledIn(text: string | undefined): boolean {
  return text !== undefined && marks.test(text)
}

/** The same, or the text may be a placeholder: `HTTP_PORT` of a pipeline, `$(PORT)` of kustomize's `vars`. */
export function mayBeFilledIn(text: string | undefined): boolean {
  return isFilledIn(text) || /^(_*[A-Z][A-Z0-9_]*|\$\([\w.]+\))$/.test(text ?? '')
}
