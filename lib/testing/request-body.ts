// The body of a request, kept while it passes so that it can be sent again; up to a limit, beyond which it only passes.

import type { IncomingMessage } from 'node:http'
import type { Writable } from 'node:stream'

export class RequestBody {
  readonly #source: IncomingMessage
  readonly #limitBytes: number
  #chunks: Buffer[] = []
  #bytes = 0
  #complete: boolean
  #kept = true
  #sink: Writable | undefined
  #reading = false
  #onComplete: (() => void)[] = []

  constructor (source: IncomingMessage, limitBytes: number) {
    this.#source = source
    this.#limitBytes = limitBytes
    const length = source.headers['content-length']
    this.#complete = source.headers['transfer-encoding'] === undefined && (length === undefined || length === '0')
  }

  get empty (): boolean {
    return this.#complete && this.#bytes === 0
  }

  /** Whether the whole body is still there to be sent again, so far as it has come. */
  get repeatable (): boolean {
    return this.#kept
  }

  /** Sends the body from its start; replaces an earlier receiver. */
  sendTo (sink: Writable): void {
    this.#sink = sink
    if (this.empty) {
      sink.end()
      return
    }
    for (const chunk of this.#chunks) sink.write(chunk)
    if (this.#complete) {
      sink.end()
      return
    }
    sink.on('drain', () => { if (this.#sink === sink) this.#source.resume() })
    this.#read()
  }

  /** Stops sending to the present receiver; what comes is still kept. */
  detach (): void {
    this.#sink = undefined
    if (!this.#complete) {
      this.#read()
      this.#source.resume()
    }
  }

  /** Fulfilled when all has come, or it is known to be too large to keep. */
  settled (): Promise<void> {
    if (this.#complete || !this.#kept) return Promise.resolve()
    return new Promise((resolve) => { this.#onComplete.push(resolve) })
  }

  #read (): void {
    if (this.#reading) return
    this.#reading = true
    this.#source.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length
      if (this.#kept) {
        this.#chunks.push(chunk)
        if (this.#bytes > this.#limitBytes) {
          this.#kept = false
          this.#chunks = []
          this.#tell()
        }
      }
      if (this.#sink !== undefined && !this.#sink.destroyed && !this.#sink.write(chunk)) this.#source.pause()
    })
    this.#source.on('end', () => {
      this.#complete = true
      this.#sink?.end()
      this.#tell()
    })
    this.#source.on('close', () => this.#tell())
  }

  #tell (): void {
    for (const resolve of this.#onComplete.splice(0)) resolve()
  }
}
