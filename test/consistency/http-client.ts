// A plain HTTP client over kept connections, and what a session keeps between its requests.

import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Asked {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Record<string, string>
  readonly payload?: object
  readonly timeoutMs?: number
}

export class HttpClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity })

  send (url: string, { method = 'GET', headers = {}, payload, timeoutMs = 20_000 }: Asked = {}): Promise<Answer> {
    const body = payload === undefined ? undefined : JSON.stringify(payload)
    const all = body === undefined ? headers : { ...headers, 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest(url, { method, headers: all, agent: this.#agent, timeout: timeoutMs })
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)))
      outgoing.on('error', reject)
      outgoing.on('response', (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => { text += chunk })
        response.on('error', reject)
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
      })
      outgoing.end(body)
    })
  }

  close (): void { this.#agent.destroy() }
}

export const COOKIE = 'multi-region'
export const HEADER = 'multi-region-token'

/** What a browser, or a client without cookies, keeps of the answers. */
export class TokenJar {
  readonly #transport: 'cookie' | 'header'
  #token: string | undefined

  constructor (transport: 'cookie' | 'header') {
    this.#transport = transport
  }

  get token (): string | undefined { return this.#token }

  headers (): Record<string, string> {
    if (this.#token === undefined) return {}
    return this.#transport === 'cookie' ? { cookie: `theme=dark; ${COOKIE}=${this.#token}` } : { [HEADER]: this.#token }
  }

  /** Returns the token that came, if one came. */
  keep (headers: IncomingHttpHeaders): string | undefined {
    const token = this.#transport === 'header' ? headerOf(headers) : cookieOf(headers)
    if (token !== undefined) this.#token = token
    return token
  }
}

function headerOf (headers: IncomingHttpHeaders): string | undefined {
  const value = headers[HEADER]
  return typeof value === 'string' ? value : undefined
}

function cookieOf (headers: IncomingHttpHeaders): string | undefined {
  const set = headers['set-cookie']?.find((one) => one.startsWith(`${COOKIE}=`))
  return set?.slice(COOKIE.length + 1).split(';', 1)[0]
}
