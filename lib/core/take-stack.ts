// The stack of the caller as text, of so many frames, whatever the process's own limit is. For development: it is slow.

export function takeStack (frames: number): string {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = frames
  const stack = new Error('here').stack ?? ''
  Error.stackTraceLimit = stackTraceLimit
  return stack
}
