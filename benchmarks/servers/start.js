// Runs in a process of its own: `node start.js <server>`; builds the app, listens on a free port, tells it to the parent.

const { build } = await import(`./${process.argv[2]}.js`)
const app = await build(process.env.DATABASE_URL)
await app.listen({ host: '127.0.0.1', port: 0 })
process.send({ port: app.server.address().port })
process.once('disconnect', () => process.exit(0)) // the parent is gone
process.on('message', (message) => {
  if (message === 'close') app.close().then(() => process.exit(0), () => process.exit(1))
  if (message === 'cpu') {
    const { user, system } = process.cpuUsage()
    process.send({ cpu: user + system })
  }
  if (message === 'memory') {
    globalThis.gc?.()
    process.send({ memory: process.memoryUsage() })
  }
})
