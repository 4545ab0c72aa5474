// The way of a visit in words and bars: each delivery of each request, when it began and how long it took.

import { html, ms, svg } from './svg.js'

export function showWay (root, { steps, tookMs }) {
  let before = 0
  const items = []
  for (const step of steps) {
    items.push(html('li', { class: 'head' }, `${step.what === 'write' ? 'Write' : 'Page'}: ${ms(step.tookMs)}${step.timing.databaseMs === undefined ? '' : `, of which the database ${ms(step.timing.databaseMs)}`}${step.timing.waitedMs > 0 ? `, waited ${ms(step.timing.waitedMs)} for the replica` : ''}`))
    for (const hop of step.hops) items.push(line(words(hop), { startMs: before + hop.startedMs, endMs: before + hop.endedMs, allMs: tookMs, kind: kindOf(hop, step) }))
    if (step.farStatements !== undefined) {
      const { from, to, count, roundTripMs } = step.farStatements
      items.push(html('li', {}, html('span', { class: 'hop' }, html('span', {}, `${count} ${count === 1 ? 'query' : 'queries'} from the app in ${from} to the primary in ${to}, one after the other`), html('span', { class: 'time' }, `${count} × ${roundTripMs} ms`))))
    }
    before += step.tookMs
  }
  root.replaceChildren(html('ol', { class: 'way', 'aria-label': 'The way of your click' }, ...items))
}

function words (hop) {
  const where = hop.edgeRegion === hop.region ? `app in ${hop.region}` : `app in ${hop.region ?? '?'}, over the edge in ${hop.edgeRegion}`
  if (hop.error !== null && hop.error !== undefined) return `${where}: ${hop.error}`
  if (hop.replay !== null && hop.replay !== undefined) return `${where}: “run this in ${/region=([^;,]+)/.exec(hop.replay)?.[1] ?? 'another region'}”`
  const reason = hop.cause === 'replay' ? 'the request again, from its start; ' : hop.cause === 'fallback' ? 'back, since the replay found nobody; ' : ''
  return `${where}: ${reason}answer ${hop.status}`
}

function kindOf (hop, step) {
  if (hop.error !== null && hop.error !== undefined) return 'failed'
  if (step.farStatements !== undefined) return 'direct'
  return hop.edgeRegion === hop.region ? 'local' : 'far'
}

function line (text, { startMs, endMs, allMs, kind }) {
  return html('li', {},
    html('span', { class: 'hop' }, html('span', {}, text), html('span', { class: 'time' }, ms(endMs - startMs))),
    svg('svg', { class: 'track', viewBox: '0 0 1000 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      svg('rect', { class: 'ground', x: 0, y: 3, width: 1000, height: 2 }),
      svg('rect', { class: `bar-${kind}`, x: Math.min(994, startMs / allMs * 1000), y: 0, width: Math.max(6, (endMs - startMs) / allMs * 1000), height: 8 })))
}
