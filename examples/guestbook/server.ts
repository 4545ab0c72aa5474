import { buildApp } from './app.ts'

const app = await buildApp({ logger: true })
await app.listen({ host: process.env['HOST'] ?? '::', port: Number(process.env['PORT'] ?? 8080) })

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => app.close().then(() => process.exit(0)))
}
