import { buildApp } from './app.ts'

const app = await buildApp()
const address = await app.listen({ host: process.env['HOST'] ?? '127.0.0.1', port: Number(process.env['PORT'] ?? 3000) })
console.log(`listening at ${address}`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => app.close())
