// The regions in a ring, with their round trips; and the way of the last click, as it runs.

import { svg } from './svg.js'

const WIDTH = 520
const HEIGHT = 340
const RADIUS = 42

export class World {
  #root
  #topology
  #nodes = new Map()
  #links = new Map()
  #traveller = svg('circle', { r: 8, class: 'traveller', visibility: 'hidden' })
  #you = svg('text', { class: 'you' }, 'you')
  #run = 0

  constructor (root, topology) {
    this.#root = root
    this.#topology = topology
    this.#draw()
  }

  #draw () {
    const { regions, roundTrips, primaryRegion } = this.#topology
    const description = `${regions.map(({ name, city }) => city === undefined ? name : `${name} (${city})`).join(', ')}. Round trips: ${roundTrips.map(({ from, to, ms }) => `${from} to ${to} ${ms} ms`).join(', ')}. The primary started in ${primaryRegion}.`
    const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': description })
    const sorted = [...regions].sort((a, b) => (a.longitude ?? 0) - (b.longitude ?? 0))
    const places = new Map()
    for (const [index, { name }] of sorted.entries()) {
      // West on the left: the first of three lies at the lower left, the second on top.
      const angle = Math.PI * (sorted.length === 2 ? 1 + index : 5 / 6 + index * 2 / sorted.length)
      places.set(name, { x: WIDTH / 2 + Math.cos(angle) * 185, y: HEIGHT / 2 + (sorted.length === 3 ? 28 : 0) + Math.sin(angle) * (sorted.length === 3 ? 128 : 112) })
    }
    const labels = []
    for (const { from, to, ms } of roundTrips) {
      const [a, b] = [places.get(from), places.get(to)]
      const line = svg('line', { x1: a.x, y1: a.y, x2: b.x, y2: b.y, class: 'link' })
      this.#links.set(pair(from, to), line)
      picture.append(line)
      labels.push(svg('rect', { class: 'plate', x: (a.x + b.x) / 2 - 32, y: (a.y + b.y) / 2 - 12, width: 64, height: 22, rx: 5 }), svg('text', { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 + 4, class: 'distance' }, `${ms} ms`))
    }
    picture.append(...labels)
    for (const { name, city } of regions) {
      const { x, y } = places.get(name)
      const role = svg('text', { class: 'small', y: 16 })
      const group = svg('g', { class: 'node', transform: `translate(${x} ${y})` },
        svg('circle', { r: RADIUS }), svg('text', { y: -2 }, name), role, svg('text', { class: 'small', y: RADIUS + 17 }, city ?? ''))
      this.#nodes.set(name, { group, role, x, y })
      picture.append(group)
    }
    picture.append(this.#you, this.#traveller)
    this.#root.replaceChildren(picture)
  }

  showUser (region) {
    for (const [name, { group, x, y }] of this.#nodes) {
      group.classList.toggle('here', name === region)
      if (name !== region) continue
      this.#you.setAttribute('x', x)
      this.#you.setAttribute('y', y - RADIUS - 10)
    }
  }

  showServers (servers) {
    for (const { region, role, state } of servers) {
      const node = this.#nodes.get(region)
      node.group.classList.toggle('primary', role === 'primary')
      node.group.classList.toggle('down', state === 'down')
      node.role.textContent = state === 'down' ? 'down' : state === 'paused' ? 'paused' : role === 'primary' ? 'primary' : 'replica'
    }
  }

  /** Draws and runs the way of a visit, in the time that it took. */
  async showWay (steps) {
    const run = ++this.#run
    for (const line of this.#links.values()) line.setAttribute('class', 'link')
    this.#traveller.setAttribute('visibility', 'hidden')
    const legs = steps.flatMap(legsOf)
    for (const { from, to, cost } of legs) this.#links.get(pair(from, to))?.setAttribute('class', `link ${cost}`)
    if (window.matchMedia('(prefers-reduced-motion: reduce)').matches) return
    this.#traveller.setAttribute('visibility', 'visible')
    for (const { from, to, times, tookMs } of legs) {
      const [a, b] = [this.#nodes.get(from), this.#nodes.get(to)]
      if (a === undefined || b === undefined) continue
      for (let time = 0; time < times; time++) {
        if (run !== this.#run) return
        const moving = this.#traveller.animate([
          { transform: `translate(${a.x}px, ${a.y}px)` }, { transform: `translate(${b.x}px, ${b.y}px)` }, { transform: `translate(${a.x}px, ${a.y}px)` },
        ], { duration: Math.max(60, tookMs), fill: 'forwards' })
        await moving.finished.catch(() => {})
      }
    }
    if (run === this.#run) this.#traveller.setAttribute('visibility', 'hidden')
  }
}

function legsOf ({ hops, farStatements }) {
  const legs = hops.map((hop) => ({ from: hop.edgeRegion, to: hop.region ?? hop.edgeRegion, times: 1, tookMs: hop.endedMs - hop.startedMs, cost: 'used' }))
  if (farStatements === undefined) return legs
  // The request stayed where it came in; what travelled were its statements.
  return [...legs.filter(({ from, to }) => from !== to), { from: farStatements.from, to: farStatements.to, times: farStatements.count, tookMs: farStatements.roundTripMs, cost: 'cost' }]
}

function pair (a, b) {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
