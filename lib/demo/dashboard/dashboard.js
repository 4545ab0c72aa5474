// Wires the page: what is clicked goes to the demo's server, what comes back is shown.

import { LagPlot } from './lag-plot.js'
import { ServerControls } from './server-controls.js'
import { html, ms, svg } from './svg.js'
import { showWay } from './way.js'
import { World } from './world.js'

const COUNTERS = [
  ['local', 'local', 'answered in the user\'s region'],
  ['replayed', 'replayed', 'run again in the primary\'s region'],
  ['direct', 'direct', 'answered here, with queries sent to the primary'],
  ['waited', 'waited', 'held until the replica had caught up'],
  ['stale', 'stale', 'pages without the user\'s own post'],
  ['failed', 'failed', 'answered with an error'],
]

const WAYS = [
  { name: 'Query by query', routing: 'per-query', consistency: 'eventual' },
  { name: 'Replay, no session', routing: 'replay', consistency: 'eventual' },
  { name: 'Replay and session', routing: 'replay', consistency: 'session' },
]

const HOLD_MS = 2_000
const byId = (id) => document.getElementById(id)
const form = byId('guestbook')

async function post (path, body) {
  const response = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.message)
  return answer
}

const topology = await (await fetch('/api/topology')).json()
const names = topology.regions.map(({ name }) => name)
const world = new World(byId('world'), topology)
const plot = new LagPlot(byId('lag-plot'), names)
const controls = new ServerControls({ root: byId('servers'), status: byId('server-status'), topology, send: async (control) => showState(await post('/api/control', control)) })
let servers = []
let here = names.at(-1)

byId('title').textContent = `${['No', 'One region', 'Two regions', 'Three regions', 'Four regions'][names.length] ?? `${names.length} regions`}, one guestbook`

// ── Who you are ──────────────────────────────────────────────────────────────────────────────────────────────

const tabs = topology.regions.map(({ name, city }) => {
  const tab = html('button', { type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': 'panel' }, city === undefined ? name : `${name} · ${city}`)
  tab.addEventListener('click', () => be(name))
  return tab
})
byId('tabs').append(...tabs)
byId('tabs').addEventListener('keydown', (event) => {
  const steps = { ArrowRight: 1, ArrowLeft: -1 }
  const at = names.indexOf(here)
  const to = event.key === 'Home' ? 0 : event.key === 'End' ? names.length - 1 : event.key in steps ? (at + steps[event.key] + names.length) % names.length : undefined
  if (to === undefined) return
  event.preventDefault()
  be(names[to])
  tabs[to].focus()
})

function be (region) {
  here = region
  for (const [index, tab] of tabs.entries()) {
    const selected = names[index] === region
    tab.setAttribute('aria-selected', String(selected))
    tab.tabIndex = selected ? 0 : -1
  }
  byId('panel').setAttribute('aria-labelledby', `tab-${region}`)
  world.showUser(region)
  byId('curl').textContent = `curl -i ${topology.regions.find(({ name }) => name === region).url}/entries`
}

// ── One click ────────────────────────────────────────────────────────────────────────────────────────────────

function click (action, over = {}) {
  const fields = new FormData(form)
  return post('/api/visit', {
    region: here, action, routing: fields.get('routing'), consistency: fields.get('consistency') ?? 'eventual', queries: Number(fields.get('queries')), author: fields.get('author'), message: fields.get('message'), ...over,
  })
}

async function busy (buttons, work) {
  for (const button of buttons) button.setAttribute('aria-disabled', 'true')
  document.body.setAttribute('aria-busy', 'true')
  try {
    await work()
  } finally {
    for (const button of buttons) button.removeAttribute('aria-disabled')
    document.body.removeAttribute('aria-busy')
  }
}

const isBusy = () => document.body.hasAttribute('aria-busy')
const clickable = [byId('write'), byId('read'), byId('compare')]

async function visit (action) {
  if (isBusy()) return
  await busy(clickable, async () => {
    try {
      const result = await click(action)
      show(action, result)
    } catch (failure) {
      byId('verdict').className = 'verdict bad'
      byId('verdict').textContent = failure.message
    }
  })
}

function show (action, result) {
  const { steps, sawOwnPost, entries } = result
  const failed = steps.find(({ outcome }) => outcome === 'failed')
  const told = steps.map((step) => `${step.what === 'write' ? 'Signed' : 'read'} in ${ms(step.tookMs)}${{ replayed: ' by a replay', direct: ' over the wide-area link', local: '', failed: '' }[step.outcome]}`).join(', ')
  const verdict = byId('verdict')
  if (failed !== undefined) {
    verdict.className = 'verdict bad'
    verdict.textContent = `The ${failed.what} failed${failed.status === 0 ? '' : ` with ${failed.status}`} after ${ms(failed.tookMs)}.`
  } else {
    verdict.className = `verdict ${sawOwnPost === false ? 'bad' : 'good'}`
    verdict.replaceChildren(`${told[0].toUpperCase()}${told.slice(1)}. `, sawOwnPost === undefined ? '' : html('span', { class: sawOwnPost ? 'good-text' : 'bad-text' }, sawOwnPost ? 'You see your own post.' : 'Your own post is not there.'))
  }
  showWay(byId('way'), result)
  world.showWay(steps)
  if (failed !== undefined) return
  byId('entries').replaceChildren(...entries.slice(0, 6).map((entry) => html('li', {},
    html('b', {}, entry.author), ` ${entry.message} `, html('span', { class: 'where' }, `written in ${entry.region}`))))
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  visit('write')
})
byId('read').addEventListener('click', () => visit('read'))
for (const input of form.querySelectorAll('[name=routing]')) {
  input.addEventListener('change', () => {
    const perQuery = new FormData(form).get('routing') === 'per-query'
    // A client that routes queries reads from the replica and knows of no session.
    for (const other of form.querySelectorAll('[name=consistency]')) other.disabled = perQuery
  })
}

// ── The same click, three ways ───────────────────────────────────────────────────────────────────────────────

function comparisonRows (results) {
  const longest = Math.max(1, ...results.flatMap((result) => result?.steps.map(({ tookMs }) => tookMs) ?? []))
  const cell = (step) => step === undefined
    ? html('td', {}, '–')
    : html('td', {}, step.outcome === 'failed' ? 'failed' : ms(step.tookMs), svg('svg', { viewBox: '0 0 100 6', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, svg('rect', { class: `bar-${{ local: 'local', replayed: 'far', direct: 'direct', failed: 'failed' }[step.outcome]}`, width: Math.max(1, step.tookMs / longest * 100), height: 6 })))
  byId('comparison').replaceChildren(...WAYS.map(({ name }, index) => {
    const result = results[index]
    const [write, page] = result?.steps ?? []
    return html('tr', {}, html('th', { scope: 'row' }, name), cell(write), cell(page),
      html('td', { class: result?.sawOwnPost === undefined ? undefined : result.sawOwnPost ? 'good-text' : 'bad-text' }, result?.sawOwnPost === undefined ? '–' : result.sawOwnPost ? 'seen' : 'not seen'))
  }))
}

byId('compare').addEventListener('click', async () => {
  if (isBusy()) return
  await busy(clickable, async () => {
    const status = byId('comparison-status')
    const server = servers.find(({ region }) => region === here)
    const hold = byId('hold').checked && server?.role === 'standby' && server.state === 'running' && server.applyDelayMs < HOLD_MS
    status.textContent = `As a user in ${here} …`
    comparisonRows([])
    const release = () => { fetch('/api/control', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ type: 'lag', region: server.region, applyDelayMs: server.applyDelayMs }), keepalive: true }).catch(() => {}) }
    // A page that is closed in the middle must not leave the replica behind.
    if (hold) window.addEventListener('pagehide', release)
    try {
      if (hold) await post('/api/control', { type: 'lag', region: here, applyDelayMs: HOLD_MS })
      const results = []
      for (const { routing, consistency } of WAYS) {
        results.push(await click('write', { routing, consistency }))
        comparisonRows(results)
      }
      const [perQuery, , session] = results
      status.textContent = perQuery.steps[0].outcome === 'failed' || session.steps[0].outcome === 'failed'
        ? 'Some of them failed.'
        : `A user in ${here}, ${new FormData(form).get('queries')} queries a write: by replay ${(perQuery.steps[0].tookMs / session.steps[0].tookMs).toFixed(1)} times as fast as query by query.`
      world.showWay(session.steps)
    } catch (failure) {
      status.textContent = failure.message
    } finally {
      if (hold) {
        window.removeEventListener('pagehide', release)
        release()
      }
    }
  })
})

// ── What goes on ─────────────────────────────────────────────────────────────────────────────────────────────

function showState (state) {
  servers = state.servers
  world.showServers(servers)
  controls.show(servers)
  for (const [key, , meaning] of COUNTERS) {
    const shown = byId(`counter-${key}`)
    shown.textContent = state.counters[key]
    shown.parentElement.title = meaning
  }
}

byId('counters').append(...COUNTERS.map(([key, label]) => html('div', {}, html('dt', {}, label), html('dd', { id: `counter-${key}` }, '0'))))
byId('reset').addEventListener('click', () => controls.working('Putting everything right …', async () => { showState(await post('/api/reset', {})) }))
const events = new window.EventSource('/api/events')
events.addEventListener('message', ({ data }) => {
  const state = JSON.parse(data)
  showState(state)
  plot.add(state.servers, performance.now())
})
events.addEventListener('error', () => { byId('server-status').textContent = 'The demo has ended, or cannot be reached.' })

be(here)
comparisonRows([])
