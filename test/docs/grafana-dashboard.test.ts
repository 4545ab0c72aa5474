// The dashboard asks for metrics that exist, with labels that they have, and shows each of them.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { METRICS } from '../../lib/fastify/metrics.ts'

interface Panel { readonly id: number, readonly type: string, readonly title: string, readonly targets?: readonly { readonly expr: string }[], readonly gridPos: { readonly x: number, readonly y: number, readonly w: number, readonly h: number } }
const dashboard = JSON.parse(readFileSync(new URL('../../docs/public/grafana-dashboard.json', import.meta.url), 'utf8')) as { readonly panels: readonly Panel[] }
const known = new Map<string, readonly string[]>(Object.entries(METRICS).flatMap(([name, { type, labels }]) =>
  type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix): [string, readonly string[]] => [`multi_region_${name}${suffix}`, [...labels, 'le']]) : [[`multi_region_${name}`, labels] as [string, readonly string[]]]))
/** What Prometheus adds, and all metrics have. */
const COMMON = ['database', 'instance']

const used = new Set<string>()
for (const { title, targets = [] } of dashboard.panels) {
  for (const { expr } of targets) {
    const names = [...expr.matchAll(/multi_region_\w+/g)].map(([name]) => name)
    t.ok(names.length > 0, `${title} asks for something`)
    for (const name of names) {
      const labels = known.get(name)
      t.ok(labels !== undefined, `${title}: ${name} exists`)
      used.add(name.replace(/_(?:bucket|sum|count)$/, ''))
      const asked = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(',').map((label) => label.trim()))
      const filtered = [...expr.matchAll(/[{,](\w+)=~?"/g)].map(([, label = '']) => label)
      for (const label of [...asked, ...filtered]) t.ok(COMMON.includes(label) || labels?.includes(label), `${title}: ${name} has the label ${label}`)
    }
  }
}
t.same([...used].sort(), Object.keys(METRICS).map((name) => `multi_region_${name}`).sort(), 'every metric is shown')
t.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length, 'no two panels share an id')
t.ok(dashboard.panels.every(({ gridPos }) => gridPos.x + gridPos.w <= 24), 'every panel fits')
