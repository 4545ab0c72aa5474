import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { startCluster } from 'fastify-multi-region/testing'

const regions = ['fra', 'iad', 'nrt'] // the first has the primary
const firstPort = Number(process.env['WORLD_PORT'] ?? 4000)

const cluster = await startCluster({
  regions,
  latency: { 'fra-iad': 90, 'fra-nrt': 230, 'iad-nrt': 160 }, // milliseconds, there and back
  app: new URL('./server.ts', import.meta.url),
  edge: { ports: Object.fromEntries(regions.map((region, index) => [region, firstPort + index])) },
})
await cluster.query('primary', readFileSync(new URL('./posts.sql', import.meta.url), 'utf8'))
for (const region of regions) console.log(`${region}  ${cluster.edge.url(region)}`)
console.log('k: kill the primary, s: start it again, q: end')

const input = createInterface({ input: process.stdin })
for await (const line of input) {
  if (line === 'k') await cluster.kill('fra')
  if (line === 's') await cluster.start('fra')
  if (line === 'q') break
  console.log(cluster.primary.running ? 'the primary runs' : 'the primary is gone')
}
input.close()
await cluster.close()
