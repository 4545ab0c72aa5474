// Ends a cluster's servers and removes its data when the process that started them is gone, however it ended.
//
// A detached shell waits for the end of its standard input, a pipe whose other end only the parent holds: the
// kernel closes it on exit, crash and SIGKILL alike. A shell, because it costs 1 MB and starts at once. It
// reads the process ids from the servers' own pid files, so restarts need no message. `ps` is not in slim images,
// so children are listed from /proc; without it the postmaster's own immediate shutdown (SIGQUIT) ends them.

import { spawn } from 'node:child_process'

const SCRIPT = `
trap '' INT HUP TERM
root="$1"
read -r word
[ "$word" = done ] && exit 0
family () { echo "$1" $(cat "/proc/$1/task/$1/children" 2>/dev/null); }
pids=""
for file in "$root"/*/data/postmaster.pid; do
  [ -f "$file" ] || continue
  read -r pid < "$file"
  case "$pid" in ''|*[!0-9]*) continue;; esac
  for member in $(family "$pid"); do kill -CONT "$member" 2>/dev/null; done
  kill -QUIT "$pid" 2>/dev/null && pids="$pids $pid"
done
tries=0
while [ "$tries" -lt 60 ]; do
  alive=""
  for pid in $pids; do kill -0 "$pid" 2>/dev/null && alive="$alive $pid"; done
  [ -z "$alive" ] && break
  sleep 0.05 2>/dev/null || sleep 1
  tries=$((tries + 1))
done
for pid in $alive; do
  for member in $(family "$pid"); do kill -KILL "$member" 2>/dev/null; done
done
rm -rf "$root"
`

/** Guards the cluster below `root`. */
export class Watchdog {
  readonly #child: ReturnType<typeof spawn>

  constructor (root: string) {
    this.#child = spawn('/bin/sh', ['-c', SCRIPT, 'multi-region-watchdog', root], { detached: true, stdio: ['pipe', 'ignore', 'ignore'], cwd: '/', env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' } })
    this.#child.on('error', () => {})
    this.#child.stdin?.on('error', () => {})
    this.#child.unref()
    const pipe = this.#child.stdin as unknown as { unref?: () => void } | null
    pipe?.unref?.()
  }

  /** The cluster has cleaned up by itself. */
  dismiss (): void {
    this.#child.stdin?.end('done\n')
  }
}
