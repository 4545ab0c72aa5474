// An app in a process of its own, which is asked over the channel of the two: the parent's half and the child's.

import { fork, type ChildProcess } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

interface Ask { readonly ask: string }

type Reply = { readonly value: unknown } | { readonly error: string }

/** The parent's half; one question at a time. */
export class AppProcess<Question extends Ask> {
  readonly #process: ChildProcess

  /** `file` stands beside this one, and calls `answerParent`. */
  constructor (file: string) {
    this.#process = fork(fileURLToPath(new URL(file, import.meta.url)), { execArgv: ['--expose-gc', '--import', 'tsx'] })
  }

  async ask<T> (question: Question): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      const onExit = (code: number | null): void => { reject(new Error(`the app's process has ended with ${code ?? 'a signal'} before its answer`)) }
      this.#process.once('exit', onExit)
      this.#process.once('message', (reply: Reply) => {
        this.#process.off('exit', onExit)
        if ('error' in reply) reject(new Error(reply.error))
        else resolve(reply.value as T) // what the question's answer is
      })
      this.#process.send(question)
    })
  }

  async end (): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exited = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()))
    this.#process.disconnect()
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 5_000)
    await exited
    clearTimeout(timer)
  }
}

/** The child's half; `close` is called when the parent has gone, and has to let the process end. */
export function answerParent<Question extends Ask> ({ answer, close }: { readonly answer: (question: Question) => Promise<unknown>, readonly close: () => Promise<void> }): void {
  const say = (reply: Reply): void => { if (process.connected) process.send?.(reply) }
  process.on('message', (question: Question) => {
    answer(question).then((value) => { say({ value }) }, (error: unknown) => { say({ error: String(error) }) })
  })
  // A failure ends the process, as any that nobody handles.
  process.once('disconnect', async () => { await close() })
}
