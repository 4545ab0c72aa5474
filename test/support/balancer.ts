// One address, several servers: each new connection goes to the next of them.

import { connect, createServer, type AddressInfo } from 'node:net'

interface Teardown {
  teardown (end: () => void | Promise<void>): void
}

export async function openBalancer (t: Teardown, ports: readonly number[]): Promise<{ readonly port: number }> {
  let turn = 0
  const server = createServer((client) => {
    const upstream = connect(ports[turn++ % ports.length] ?? 0, '127.0.0.1')
    client.pipe(upstream).pipe(client)
    client.on('error', () => { upstream.destroy() })
    upstream.on('error', () => { client.destroy() })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { server.close() })
  return { port: (server.address() as AddressInfo).port }
}
