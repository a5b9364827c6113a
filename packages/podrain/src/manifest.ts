import { type ManifestOptions, usualHook, writeManifest } from '@podrain/manifests'
import { UsageError } from './usage.js'

/** Flags of `podrain manifest`; their names are those of the engine's options. */
export type ManifestFlags = ManifestOptions

/** `podrain manifest`. Resolves with the exit code. */
export function runManifest(flags: ManifestFlags): number {
  const { controlPort, behind, hook = usualHook(behind) } = flags
  if (controlPort !== undefined && hook !== 'control-port') {
    throw new UsageError('`--control-port` goes with `--hook control-port` only')
  }
  let manifest: string
  try {
    manifest = writeManifest(flags)
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(inFlags(error.message))
    throw error
  }
  process.stdout.write(manifest)
  return 0
}

/** `longestRequest` is `--longest-request` here. */
function inFlags(message: string): string {
  return message.replace(/`([a-z]+[a-zA-Z]*)`(?= to be|,)/g, (_, name: string) => {
    return `\`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}\``
  })
}
