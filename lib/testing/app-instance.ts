// An instance of the app under test: made by a function in this process, or a module run as a process of its own.

import { ChildProcess, fork } from 'node:child_process'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { join, resolve as resolvePath } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { freePort } from './server.ts'
import { waitFor } from './wait-for.ts'

/** The databases of a region, as connection strings. */
export interface RegionDatabaseUrls {
  /** The primary, at the distance that it has from this region. */
  readonly primary: string
  /** The server of this region; in the primary's region that is the primary. */
  readonly replica: string
}

/** What an instance of the app is told about where it runs. */
export interface AppContext {
  readonly region: string
  readonly primaryRegion: string
  /** Identifier of this instance, as in `FLY_MACHINE_ID`. */
  readonly instance: string
  readonly databaseUrls: RegionDatabaseUrls
  /** What the platform would set: DATABASE_URL, DATABASE_REPLICA_URL, FLY_REGION, PRIMARY_REGION, FLY_MACHINE_ID, FLY_APP_NAME. */
  readonly env: Readonly<Record<string, string>>
}

/** The context of an instance, with the variables as the platform names them. */
export function makeAppContext (place: Omit<AppContext, 'env'>, { appName, env }: { readonly appName: string, readonly env?: Readonly<Record<string, string>> | undefined }): AppContext {
  return {
    ...place,
    env: {
      DATABASE_URL: place.databaseUrls.primary,
      DATABASE_REPLICA_URL: place.databaseUrls.replica,
      FLY_REGION: place.region,
      PRIMARY_REGION: place.primaryRegion,
      FLY_MACHINE_ID: place.instance,
      FLY_APP_NAME: appName,
      ...env,
    },
  }
}

/** What the kit needs of an app; a Fastify instance fits. */
export interface RunningApp {
  listen (options: { port: number, host: string }): PromiseLike<unknown>
  close (): PromiseLike<unknown>
}

/** Makes an instance of the app inside this process. */
export type AppFactory = (context: AppContext) => RunningApp | Promise<RunningApp>

const HOST = '127.0.0.1'
const START_WITHIN_MS = 30_000
const CLOSE_WITHIN_MS = 10_000
const OUTPUT_KEPT = 8_000

/** A running instance of the app. */
export class Instance {
  readonly id: string
  readonly region: string
  readonly host = HOST
  readonly #app: AppFactory | string | URL
  readonly #context: AppContext
  #port = 0
  #running: RunningApp | ChildProcess | undefined
  #output = ''
  readonly #onStop: (id: string) => void

  constructor (app: AppFactory | string | URL, context: AppContext, onStop: (id: string) => void) {
    this.#onStop = onStop
    this.id = context.instance
    this.region = context.region
    this.#app = app
    this.#context = context
  }

  /** Stays the same over restarts. */
  get port (): number {
    return this.#port
  }

  /** Direct, past the edge: what a neighbour on the private network would call. */
  get url (): string {
    return `http://${HOST}:${this.#port}`
  }

  get running (): boolean {
    return this.#running !== undefined
  }

  /** The process of an instance that has one. */
  get pid (): number | undefined {
    return this.#running instanceof ChildProcess ? this.#running.pid : undefined
  }

  /** What a process of its own has printed lately. */
  get output (): string {
    return this.#output
  }

  /** Starts it; again at the same address after a stop. */
  async start (): Promise<void> {
    if (this.#running !== undefined) return
    for (let attempt = 1; ; attempt++) {
      const fresh = this.#port === 0
      if (fresh) this.#port = await freePort()
      try {
        if (typeof this.#app === 'function') await this.#startHere(this.#app)
        else await this.#startProcess(this.#app)
        return
      } catch (failure) {
        // Another process may have taken the port between the look and the listen.
        if (!fresh || attempt === 3 || !`${String(failure)}${this.#output}`.includes('EADDRINUSE')) throw failure
        this.#port = 0
      }
    }
  }

  async #startHere (app: AppFactory): Promise<void> {
    const running = await app(this.#context)
    try {
      await running.listen({ port: this.#port, host: HOST })
    } catch (failure) {
      await Promise.resolve(running.close()).catch(() => {})
      throw failure
    }
    this.#running = running
  }

  async #startProcess (module: string | URL): Promise<void> {
    const path = module instanceof URL || module.startsWith('file:') ? fileURLToPath(module) : resolvePath(module)
    this.#output = ''
    // Not this process's own flags: a test runner's loaders are slow, and not the app's.
    const execArgv = [
      ...(/\.[cm]?ts$/.test(path) ? typescriptLoader(path) : []),
      // The channel closes when this process ends, however it ends.
      '--import', 'data:text/javascript,process.once("disconnect",()=>process.exit(1))',
    ]
    const child = fork(path, { execArgv, env: { ...process.env, ...this.#context.env, PORT: String(this.#port), HOST }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    let ended = false
    child.once('exit', () => {
      ended = true
      if (this.#running === child) {
        this.#running = undefined
        this.#onStop(this.id)
      }
    })
    child.once('error', () => { ended = true })
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => { this.#output = (this.#output + chunk.toString()).slice(-OUTPUT_KEPT) })
    this.#running = child
    try {
      const up = await waitFor(`the instance ${this.id} to listen`, async () => ended ? 'ended' : await accepts(this.#port) && 'listening', { withinMs: START_WITHIN_MS })
      if (up === 'ended') throw new Error('its process ended')
    } catch (failure) {
      child.kill('SIGKILL')
      this.#running = undefined
      throw new Error(`The instance ${this.id} of ${path} did not listen on the port in its environment (PORT). It printed:\n${this.#output}`, { cause: failure })
    }
  }

  /** Ends it. `kill` is SIGKILL for a process of its own; inside this process both close it. */
  async stop (how: 'close' | 'kill' = 'close'): Promise<void> {
    const running = this.#running
    this.#running = undefined
    if (running === undefined) return
    try {
      await this.#end(running, how)
    } finally {
      this.#onStop(this.id)
    }
  }

  async #end (running: RunningApp | ChildProcess, how: 'close' | 'kill'): Promise<void> {
    if (!(running instanceof ChildProcess)) {
      await bounded(Promise.resolve(running.close()))
      return
    }
    if (running.exitCode !== null || running.signalCode !== null) return
    const exited = new Promise<void>((resolve) => running.once('exit', () => resolve()))
    running.kill(how === 'kill' ? 'SIGKILL' : 'SIGTERM')
    if (await bounded(exited) === 'late') {
      running.kill('SIGKILL')
      await exited
    }
  }
}

/** tsx where it is installed; otherwise Node's own stripping of types, from 22.18 on. */
function typescriptLoader (path: string): string[] {
  for (const base of [path, join(process.cwd(), 'package.json')]) {
    try {
      return ['--import', pathToFileURL(createRequire(base).resolve('tsx')).href]
    } catch {
      // Not installed there.
    }
  }
  return []
}

async function bounded (ending: Promise<unknown>): Promise<'ended' | 'late'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => { timer = setTimeout(resolve, CLOSE_WITHIN_MS, 'late') })
  try {
    return await Promise.race([ending.then(() => 'ended' as const), late])
  } finally {
    clearTimeout(timer)
  }
}

function accepts (port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
