// Replication lag over the last minute, a line a replica.

import { html, ms, svg } from './svg.js'

const WIDTH = 560
const HEIGHT = 200
const LEFT = 52
const SHOWN_MS = 60_000
const STEPS_MS = [500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000, 120_000]

export class LagPlot {
  #root
  #samples = new Map()
  #picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': 'Replication lag' })
  #legend = html('ul', { class: 'legend' })

  constructor (root, regions) {
    this.#root = root
    for (const name of regions) this.#samples.set(name, [])
    this.#root.replaceChildren(this.#picture, this.#legend)
  }

  add (servers, atMs) {
    for (const { region, role, lagMs } of servers) {
      const samples = this.#samples.get(region)
      samples.push({ atMs, lagMs: role === 'standby' ? lagMs : undefined })
      while (samples[0] !== undefined && samples[0].atMs < atMs - SHOWN_MS) samples.shift()
    }
    this.#draw(servers, atMs)
  }

  #draw (servers, atMs) {
    const highest = Math.max(0, ...[...this.#samples.values()].flat().map(({ lagMs }) => lagMs ?? 0))
    const top = STEPS_MS.find((step) => step >= highest) ?? Math.ceil(highest / 60_000) * 60_000
    const x = (time) => LEFT + (WIDTH - LEFT - 4) * (1 - (atMs - time) / SHOWN_MS)
    const y = (lagMs) => HEIGHT - 26 - (HEIGHT - 40) * Math.min(1, lagMs / top)
    const parts = []
    for (const share of [0, 0.5, 1]) {
      parts.push(svg('line', { class: 'axis', x1: LEFT, x2: WIDTH, y1: y(top * share), y2: y(top * share) }),
        svg('text', { class: 'tick', x: LEFT - 6, y: y(top * share) + 4, 'text-anchor': 'end' }, share === 0 ? '0' : top * share < 1_000 ? `${top * share} ms` : `${top * share / 1000} s`))
    }
    parts.push(svg('text', { class: 'tick', x: LEFT, y: HEIGHT - 6 }, 'a minute ago'), svg('text', { class: 'tick', x: WIDTH - 2, y: HEIGHT - 6, 'text-anchor': 'end' }, 'now'))
    const now = []
    const legend = []
    for (const [index, { region, role, state, lagMs }] of servers.entries()) {
      const style = `s${index % 4 + 1}`
      let path = ''
      let open = false
      for (const sample of this.#samples.get(region)) {
        if (sample.lagMs !== undefined) path += `${open ? 'L' : 'M'}${x(sample.atMs).toFixed(1)} ${y(sample.lagMs).toFixed(1)}`
        open = sample.lagMs !== undefined
      }
      if (path !== '') parts.push(svg('path', { class: `series ${style}`, d: path }))
      const text = role === 'primary' ? `${region}: the primary` : state === 'down' ? `${region}: down` : `${region}: ${lagMs === undefined ? 'not known' : ms(lagMs)}`
      now.push(text)
      legend.push(html('li', {}, role === 'primary' ? '' : svg('svg', { viewBox: '0 0 34 8', 'aria-hidden': 'true' }, svg('line', { class: `series ${style}`, x1: 0, x2: 34, y1: 4, y2: 4 })), text))
    }
    this.#picture.setAttribute('aria-label', `Replication lag in the last minute. Now: ${now.join('; ')}.`)
    this.#picture.replaceChildren(...parts)
    this.#legend.replaceChildren(...legend)
  }
}
