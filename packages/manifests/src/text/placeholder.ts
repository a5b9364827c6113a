/** As tools write what they put in: `${REPLICAS:=2}`, `$REPLICAS`, `{{ replicas }}`, `#{REPLICAS}#`, `@REPLICAS@`, `%REPLICAS%`, `<your port>`. */
const marks = /\$\{|\{\{|<%|[%#]\{|\[\[ |@[A-Za-z_][\w.]*@|%[A-Z_]\w*%|^<[^<>]+>$|^\$[A-Za-z_]\w*$/

/** Whether somebody or something puts the value in before Kubernetes sees it. */
export function isFilledIn(text: string | undefined): boolean {
  return text !== undefined && marks.test(text)
}

/** The same, or it looks as if: `HTTP_PORT` for a pipeline, `$(PORT)` for `vars` of kustomize. */
export function mayBeFilledIn(text: string | undefined): boolean {
  return isFilledIn(text) || /^(_*[A-Z][A-Z0-9_]*|\$\([\w.]+\))$/.test(text ?? '')
}
