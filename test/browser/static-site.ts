// Serves the built documentation as a static host would: under its base, with clean addresses.

import { readFile, stat } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml', '.png': 'image/png', '.woff2': 'font/woff2', '.ico': 'image/x-icon' }

export interface StaticSite {
  readonly url: string
  close (): Promise<void>
}

export async function serveSite (options: { readonly directory: string, readonly base: string }): Promise<StaticSite> {
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname)
    const inside = path.startsWith(options.base) ? normalize(path.slice(options.base.length)) : undefined
    if (inside === undefined || inside.startsWith('..')) {
      // The host's icon, which browsers ask for unasked, is none of the site's.
      response.writeHead(path === '/favicon.ico' ? 204 : 404).end()
      return
    }
    firstFile([join(options.directory, inside), join(options.directory, `${inside}.html`), join(options.directory, inside, 'index.html')])
      .then(async (file) => {
        if (file === undefined) response.writeHead(404).end()
        else response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(await readFile(file))
      })
      .catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${options.base}`,
    async close () {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

async function firstFile (paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    if (await stat(path).then((entry) => entry.isFile(), () => false)) return path
  }
  return undefined
}
