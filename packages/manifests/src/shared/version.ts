/** Whether a version of Kubernetes such as `1.29` is older than another. */
export function isOlder(one: string, other: string): boolean {
  const [[major = 0, minor = 0], [otherMajor = 0, otherMinor = 0]] = [one, other].map((each) =>
    each.split('.').map(Number),
  ) as [number[], number[]]
  return major < otherMajor || (major === otherMajor && minor < otherMinor)
}

/** The minor version of a Kubernetes version: `1.29` for `v1.29.4-gke.1`; undefined if the text is not a version of Kubernetes. */
export function minorOf(text: string): string | undefined {
  const [, minor] = /^v?(1\.\d{1,2})([.+-].*)?$/.exec(text.trim()) ?? []
  return minor
}
