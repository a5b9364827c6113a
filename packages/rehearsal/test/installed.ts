import { spawnSync } from 'node:child_process'

/** Debian installs servers in directories that are not in a user's PATH. */
export const path = `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`

export function isInstalled(program: string): boolean {
  return spawnSync(program, ['-v'], { env: { PATH: path } }).error === undefined
}
